//! The write-ahead log: segments of records, one fsync shared by those who wait. README.md is the format.
