//! Upload: sends a part to the bucket, a large one in pieces.

use crate::bucket::client::{Client, ObjectError, last_error};
use bytes::Bytes;
use object_store::{Error, ObjectStoreExt, PutMode};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of one request of an upload; an object may have 10,000 of them, so the largest part fits.
const UPLOAD_PIECE_BYTES: u64 = 16 << 20;
/// Pieces of an upload in flight: bounds its memory.
const PIECES_AT_ONCE: usize = 2;

/// An upload failed: reading the part, or sending it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error("reading the part: {0}")]
    Read(#[from] std::io::Error),
}

impl Client {
    /// Writes an object of `size` bytes that `read` gives, piece by piece. Its name depends on its
    /// content.
    pub(crate) fn upload(
        &self,
        name: &str,
        size: u64,
        read: &dyn Fn(Range<u64>) -> std::io::Result<Vec<u8>>,
    ) -> Result<(), UploadError> {
        if size <= UPLOAD_PIECE_BYTES {
            return Ok(self.put(name, Bytes::from(read(0..size)?), PutMode::Overwrite)?);
        }
        let path = self.path(name)?;
        let upload = self.repeat(name, 0, move |storage| {
            let path = path.clone();
            Box::pin(async move {
                storage
                    .put_multipart(&path)
                    .await
                    .map(|u| Arc::new(tokio::sync::Mutex::new(u)))
            })
        })?;
        let sent = self.send_pieces(name, size, &upload, read);
        if sent.is_err() {
            // What can't be taken back costs space until the bucket's own rule for unfinished
            // uploads.
            let _ = self.wait(async move {
                upload
                    .lock()
                    .await
                    .abort()
                    .await
                    .map_err(|_| ObjectError::Closing)
            });
        }
        sent
    }

    fn send_pieces(
        &self,
        name: &str,
        size: u64,
        upload: &Arc<tokio::sync::Mutex<Box<dyn object_store::MultipartUpload>>>,
        read: &dyn Fn(Range<u64>) -> std::io::Result<Vec<u8>>,
    ) -> Result<(), UploadError> {
        let mut at = 0;
        while at < size {
            let mut pieces = Vec::new();
            while at < size && pieces.len() < PIECES_AT_ONCE {
                let end = (at + UPLOAD_PIECE_BYTES).min(size);
                pieces.push(Bytes::from(read(at..end)?));
                at = end;
            }
            let (upload, connection, named) =
                (upload.clone(), self.connection.clone(), name.to_owned());
            self.wait(async move {
                let mut upload = upload.lock().await;
                // A piece has its number from the order of these calls; a failed one fails the
                // upload, which is then started over by the caller.
                let parts: Vec<_> = pieces
                    .into_iter()
                    .map(|piece| (piece.len() as u64, upload.put_part(piece.into())))
                    .collect();
                let sending = parts
                    .into_iter()
                    .map(|(len, part)| connection.attempt(len, part));
                let sent: Result<Vec<()>, Error> =
                    futures_util::future::try_join_all(sending).await;
                sent.map(|_| ())
                    .map_err(|error| last_error(&named, error, 1))
            })?;
        }
        let upload = upload.clone();
        self.repeat(name, size, move |_| {
            let upload = upload.clone();
            Box::pin(async move { upload.lock().await.complete().await.map(|_| ()) })
        })?;
        self.connection
            .counters
            .uploaded_bytes
            .fetch_add(size, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::ObjectOptions;
    use crate::bucket::location::BucketLocation;

    #[test]
    fn large_objects_go_up_in_pieces() {
        let options = ObjectOptions::new(BucketLocation::Given(Arc::new(
            object_store::memory::InMemory::new(),
        )));
        let client = Client::new(&options).expect("a runtime can be made");
        let size = 2 * UPLOAD_PIECE_BYTES + 5;
        let byte = |at: u64| (at / 1000) as u8;
        client
            .upload("a/b", size, &|range| Ok(range.map(byte).collect()))
            .expect("it is uploaded");
        let ranges = [
            0..1,
            UPLOAD_PIECE_BYTES - 1..UPLOAD_PIECE_BYTES + 1,
            size - 1..size,
        ];
        let found = client.get_ranges("a/b", &ranges).expect("it is there");
        let expected: Vec<Vec<u8>> = ranges.into_iter().map(|r| r.map(byte).collect()).collect();
        assert_eq!(found, expected);
        let listed: Vec<String> = client
            .list("a")
            .expect("it answers")
            .into_iter()
            .map(|l| l.name)
            .collect();
        assert_eq!(
            (listed, client.get("a/c").expect("it answers").is_none()),
            (vec!["a/b".to_owned()], true)
        );
        client.close();
        assert!(matches!(client.get("a/b"), Err(ObjectError::Closing)));
    }
}
