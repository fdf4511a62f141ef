#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| laws::task_api::task_list(bytes));
