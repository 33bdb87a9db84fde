//! Thin wrappers over the host's descriptors; the crate's only unsafe code.
#![allow(unsafe_code)]
