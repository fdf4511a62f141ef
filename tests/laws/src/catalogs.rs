//! Law: a catalog is read, or refused with lines that name places; what is read can be written and is read
//! as the same again.

use sources::declared::Declaration;
use sources::toml_catalog::{parse, write};

const FILE: &str = "catalog.toml";

/// Checks the bytes as a catalog of one file.
pub fn catalog(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let declaration = match parse(FILE, text) {
        Ok(declaration) => declaration,
        Err(faults) => {
            let n_lines = text.split('\n').count() as u64;
            assert!(faults.count() > 0);
            for fault in faults.iter() {
                let line = fault.line().expect("a line");
                assert!((1..=n_lines).contains(&line), "{fault}");
                let shown = fault.to_string();
                assert!(!shown.chars().any(char::is_control), "{shown:?}");
            }
            return;
        }
    };
    let written = write(&declaration);
    let again = parse(FILE, &written).unwrap_or_else(|faults| panic!("{faults}\n{written}"));
    assert_eq!(write(&again), written);
    assert_eq!(shown(again), shown(declaration), "{written}");
}

/// What a declaration says.
fn shown(declaration: Declaration) -> String {
    format!("{:#?}", declaration.without_places())
}
