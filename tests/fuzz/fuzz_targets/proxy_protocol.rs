#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laws::client_address::proxy_protocol(bytes));
