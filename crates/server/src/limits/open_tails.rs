//! Open tails are counted per tenant and limited.

use parking_lot::Mutex;
use skald_model::TenantId;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// How many tails each tenant has.
pub struct OpenTails {
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
    total: watch::Sender<usize>,
}

impl Default for OpenTails {
    fn default() -> OpenTails {
        OpenTails {
            open: Arc::default(),
            total: watch::Sender::new(0),
        }
    }
}

/// One open tail; dropping it makes room.
#[derive(Debug)]
pub struct TailPermit {
    tenant: TenantId,
    open: Arc<Mutex<HashMap<TenantId, usize>>>,
    total: watch::Sender<usize>,
}

impl OpenTails {
    /// Opens a tail of at most `max`; the error is how many there would be.
    pub fn enter(&self, tenant: &TenantId, max: usize) -> Result<TailPermit, usize> {
        let mut open = self.open.lock();
        let count = open.entry(tenant.clone()).or_default();
        if *count >= max {
            return Err(*count + 1);
        }
        *count += 1;
        self.total.send_modify(|total| *total += 1);
        Ok(TailPermit {
            tenant: tenant.clone(),
            open: self.open.clone(),
            total: self.total.clone(),
        })
    }

    /// Waits until no tail is open.
    pub async fn closed(&self) {
        let mut open = self.total.subscribe();
        drop(open.wait_for(|count| *count == 0).await);
    }

    /// All open tails.
    pub fn count(&self) -> usize {
        *self.total.borrow()
    }
}

impl Drop for TailPermit {
    fn drop(&mut self) {
        let mut open = self.open.lock();
        if let Some(count) = open.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.tenant);
            }
        }
        self.total.send_modify(|total| *total -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_of_a_tenant_are_limited_and_an_ended_one_makes_room() {
        let tails = OpenTails::default();
        let (a, b) = (TenantId::fake(), TenantId::parse("b").expect("valid"));
        let first = tails.enter(&a, 1).expect("room");
        assert_eq!(tails.enter(&a, 1).err(), Some(2));
        assert!(tails.enter(&b, 1).is_ok());
        drop(first);
        assert!(tails.enter(&a, 1).is_ok());
        assert_eq!(tails.count(), 0);
    }
}
