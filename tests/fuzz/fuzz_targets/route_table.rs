#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laws::route_tables::route_table(bytes));
