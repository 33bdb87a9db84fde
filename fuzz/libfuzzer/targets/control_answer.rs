#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| adit_fuzz::control_answer(data));
