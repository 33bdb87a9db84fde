//! The data path in user space: UDP and raw sockets on one side, TAP devices on the other.
