#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| adit_fuzz::kapi_l2tpip_address(data));
