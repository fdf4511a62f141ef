#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mirrorlistd_fuzz::requests::route(bytes));
