#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laws::client_address::x_forwarded_for(bytes));
