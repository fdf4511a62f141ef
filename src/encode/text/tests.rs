use super::*;

#[test]
fn one_newline_is_removed_from_the_end() {
    let mut text = Text::default();
    text.push_str("a\n\n");
    for expected in ["a\n", "a", "a"] {
        text.pop_newline();
        assert_eq!(text.as_bytes(), expected.as_bytes());
    }
    text.push_str("b");
    assert_eq!(text.as_bytes(), b"ab");
}

#[test]
fn pieces_of_every_length_are_appended_exactly() {
    let mut pieces = Pieces::default();
    let source = "ü-0123456789".repeat(20);
    let texts: Vec<&str> = (0..source.len()).filter_map(|length| source.get(..length)).collect();
    let known: Vec<Piece> = texts.iter().map(|text| pieces.add(|out| out.push_str(text))).collect();
    let mut text = Text::default();
    for piece in &known {
        text.push_piece(pieces.prepare(*piece));
        text.push('|');
    }
    assert_eq!(text.into_bytes(), (texts.join("|") + "|").into_bytes());
    for (piece, text) in known.iter().zip(&texts) {
        assert_eq!(pieces.get(*piece), *text);
        assert_eq!(piece.length as usize, text.len());
    }
}

#[test]
fn the_end_of_a_piece_is_a_piece() {
    let mut pieces = Pieces::default();
    let piece = pieces.add(|out| out.push_str("\">https://m.example/"));
    assert_eq!(pieces.get(piece.end(18)), "https://m.example/");
    assert_eq!(pieces.get(piece.end(0)), "");
    assert_eq!(pieces.get(piece.end(100)), "\">https://m.example/");
}

/// An empty text whose memory of `n_bytes` holds the bytes of an earlier text.
fn used(n_bytes: usize) -> Text {
    let mut text = Text::default();
    text.push_str(&"#".repeat(n_bytes));
    text.memory.truncate(n_bytes);
    text.clear();
    text
}

#[test]
fn lines_and_pairs_are_their_parts() {
    let lengths = [0, 1, 20, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK];
    for (head, middle, tail) in lengths.iter().flat_map(|&head| {
        lengths.iter().flat_map(move |&middle| lengths.map(|tail| (head, middle, tail)))
    }) {
        let [head, middle, tail] =
            [("h", head), ("ü", middle / 2), ("t", tail)].map(|(part, n)| part.repeat(n));
        let mut pieces = Pieces::default();
        let [head_piece, middle_piece, tail_piece] =
            [&head, &middle, &tail].map(|text| pieces.add(|out| out.push_str(text)));
        let [head_prepared, middle_prepared, tail_prepared] =
            [head_piece, middle_piece, tail_piece].map(|piece| pieces.prepare(piece));
        for number in [0, 9, 10, 99, 100, u8::MAX] {
            let mut text = used(1_000);
            text.push_str("before ");
            text.push_line(head_prepared, Digits::new(number), middle_prepared, tail_prepared);
            text.push('|');
            let expected = format!("before {head}{number}{middle}{tail}|");
            assert_eq!(text.as_bytes(), expected.as_bytes());
        }
        let mut text = used(1_000);
        text.push_pair(middle_prepared, tail_prepared);
        text.push('|');
        assert_eq!(text.as_bytes(), format!("{middle}{tail}|").as_bytes());
    }
}

#[test]
fn any_capacity_is_enough() {
    let mut pieces = Pieces::default();
    let [head, middle, tail] =
        ["head ", " middle", " tail"].map(|text| pieces.add(|out| out.push_str(text)));
    let [head, middle, tail] = [head, middle, tail].map(|piece| pieces.prepare(piece));
    for spare in 0..=PAIR + DIGITS + BLOCK + 1 {
        let mut text = used(spare);
        text.push_line(head, Digits::new(42), middle, tail);
        assert_eq!(text.as_bytes(), b"head 42 middle tail", "{spare}");
        let mut text = used(spare);
        text.push_piece(tail);
        text.push_pair(tail, tail);
        text.push_digits(Digits::new(7));
        assert_eq!(text.as_bytes(), b" tail tail tail7", "{spare}");
    }
}

#[test]
fn an_estimate_is_not_initialised() {
    let mut text = Text::default();
    text.reserve(1_000_000);
    text.push_str("short");
    assert!(text.memory.capacity() >= 1_000_000);
    assert!(text.memory.len() < 1_000);
    assert_eq!(text.into_bytes(), b"short");
}

#[test]
fn a_text_moves_to_the_memory_that_it_fits() {
    for (first, estimate, n_bytes) in (0..=40).flat_map(|first| {
        [0, 10, 60].into_iter().flat_map(move |estimate| {
            [0, 7, 20, 21, 60, 100, 101, 300].map(|n_bytes| (first, estimate, n_bytes))
        })
    }) {
        let mut larger = Vec::with_capacity(100);
        larger.resize(first, b'#');
        let mut text = Text::within(Vec::with_capacity(20), larger);
        let expected = "0123456789".repeat(n_bytes / 10 + 1);
        let expected = expected.get(..n_bytes).unwrap();
        let (before, after) = expected.split_at(n_bytes.min(5));
        text.push_str(before);
        text.reserve(estimate);
        after.chars().for_each(|character| text.push(character));
        let unused = text.settle();
        let case = format!("{n_bytes} bytes, {estimate} reserved, {first} initialised");
        assert_eq!(text.as_bytes(), expected.as_bytes(), "{case}");
        let capacities = [text.memory.capacity(), unused.capacity()];
        match n_bytes {
            ..=20 => assert_eq!(capacities, [20, 100], "{case}"),
            21..=100 => assert_eq!(capacities, [100, 20], "{case}"),
            _ => assert!(capacities[0] >= n_bytes && capacities[1] <= capacities[0], "{case}"),
        }
        assert_eq!(text.settle().capacity(), 0, "{case}");
        assert_eq!(text.as_bytes(), expected.as_bytes(), "{case}");
    }
}

#[test]
fn pieces_that_were_removed_are_gone() {
    let mut pieces = Pieces::default();
    pieces.add(|out| out.push_str(&"long ago ".repeat(30)));
    pieces.clear();
    let piece = pieces.add(|out| out.push_str("now"));
    let mut text = Text::default();
    text.push_piece(pieces.prepare(piece));
    assert_eq!(text.as_bytes(), b"now");
}
