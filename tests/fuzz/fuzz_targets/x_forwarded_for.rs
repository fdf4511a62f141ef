#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laws::clients::x_forwarded_for(bytes));
