//! `adit demo`.
