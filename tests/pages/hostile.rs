//! Texts and sizes that nobody should meet.

use store::operations::finish::End;
use store::operations::people::{Comment, Pausable, Pause};
use store::record::TaskId;

use crate::samples::{World, new};

tests! {
    foreign_texts_stay_texts,
    every_page_has_a_bounded_size,
    a_search_looks_at_so_many_tasks_and_says_so,
    odd_queries_and_bodies_are_answered,
}

/// Closes tags and attributes, turns the direction of writing, and hides itself.
const HOSTILE: &str =
    "\"'></td></pre><script>alert(1)</script>&amp;\u{202e}txt\u{2066}\u{200b}\u{feff}\u{7}";
/// Parts of it that must not be in a page.
const FORBIDDEN: [&str; 7] =
    ["<script", "&#38;#38;", "\u{202e}", "\u{2066}", "\u{200b}", "\u{feff}", "\u{7}"];

/// Each page of a world, and the pages of these tasks.
fn targets(ids: &[TaskId]) -> Vec<String> {
    let pages = [
        "",
        "/list",
        "/list?state=failed",
        "/schedules",
        "/nodes",
        "/run",
        "/run?kind=primary.scan",
    ];
    let tasks = ids.iter().map(|id| format!("/{id}"));
    pages.iter().map(ToString::to_string).chain(tasks).map(|path| format!("/tasks{path}")).collect()
}

fn foreign_texts_stay_texts() {
    let world = World::busy();
    world.run(Pause {
        what: Pausable::Queue,
        name: "db".into(),
        actor: HOSTILE.into(),
        reason: HOSTILE.into(),
    });
    world.run(Pause {
        what: Pausable::Schedule,
        name: "scan".into(),
        actor: HOSTILE.into(),
        reason: HOSTILE.into(),
    });
    let args = serde_json::json!({ HOSTILE: HOSTILE, "list": [HOSTILE], "deep": { HOSTILE: [[HOSTILE]] } });
    let mut asked = new(HOSTILE, "net2", HOSTILE, &args.to_string());
    asked.actor = HOSTILE.into();
    let waiting = world.run(store::operations::enqueue::Enqueue(asked)).id;
    world.run(Comment { id: waiting, actor: HOSTILE.into(), text: HOSTILE.into() });
    // It ends the one that runs, so that another one is begun.
    let failed = TaskId(3);
    world.run(Comment { id: failed, actor: "a".into(), text: HOSTILE.into() });
    let broken = world.ask("primary.scan", "cpu", HOSTILE, "{broken <script>");
    for target in targets(&[waiting, failed, broken]) {
        let page = world.get(&target).body;
        for part in FORBIDDEN {
            assert!(!page.contains(part), "{part:?} in {target}: {page}");
        }
        let control = page.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "{target}");
    }
    assert!(world.get(&format!("/tasks/{waiting}")).body.contains("\\u{202e}txt"));
    // What is asked for is shown again.
    for field in
        ["text", "actor", "node", "kind", "number", "since", "parent", "state", "before", HOSTILE]
    {
        let encoded: String =
            format!("/tasks/list?{field}={HOSTILE}").bytes().fold(String::new(), |text, byte| {
                match byte {
                    b'/' | b'?' | b'=' => text + &char::from(byte).to_string(),
                    _ if byte.is_ascii_alphanumeric() => text + &char::from(byte).to_string(),
                    _ => text + &format!("%{byte:02x}"),
                }
            });
        for target in [&*encoded, &format!("{encoded}&refresh=5")] {
            let page = world.get(target).body;
            assert!(!page.contains("<script"), "{page}");
        }
    }
}

fn every_page_has_a_bounded_size() {
    let world = World::busy();
    let large = "&\u{202e}".repeat(100_000);
    let cut = |n: usize| large.chars().take(n).collect::<String>();
    let args = serde_json::json!({ "root": cut(2_000), "list": vec![cut(300); 10] }).to_string();
    let big = world.ask("primary.scan", "cpu", &large, &args);
    for n in 0..1_200 {
        world.run(Comment { id: big, actor: large.clone(), text: format!("{n} {large}") });
    }
    for _ in 0..300 {
        world.ask("primary.scan", "db", &large, "{}");
    }
    // The one that runs ends with a large result and many stages.
    let running = TaskId(7);
    let result = serde_json::json!({ "a": cut(16_000), "b": vec![vec![cut(100)]; 20] }).to_string();
    assert!(result.len() <= store::record::bounds::RESULT, "{}", result.len());
    let stages: Vec<_> = (0..500).map(|n| (format!("stage {n} {}", cut(100)), 10)).collect();
    world.finish(
        running,
        &serde_json::to_string(&stages).unwrap(),
        End::Completed { result: Some(result) },
    );
    for target in targets(&[big, running]) {
        let n_bytes = world.get(&target).body.len();
        assert!(n_bytes < 700_000, "{target} has {n_bytes} bytes");
    }
    let (first, more) = (world.get(&format!("/tasks/{big}")).body, "Later events");
    assert!(first.contains(more));
    let next = first.split("?after=").nth(1).and_then(|rest| rest.split('#').next()).unwrap();
    assert!(world.get(&format!("/tasks/{big}?after={next}")).body.contains(more));
    let list = world.get("/tasks/list?queue=db").body;
    let before = list.split("before=").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let older = world.get(&format!("/tasks/list?queue=db&before={before}")).body;
    assert!(older.contains("Newest") && older.contains("Older"));
    assert_eq!(older.matches("<tr>").count(), 51);
}

fn odd_queries_and_bodies_are_answered() {
    let world = World::busy();
    let many = "a=1&".repeat(200);
    for query in [
        &*many,
        "%",
        "=",
        "&&&",
        "refresh=",
        "refresh=99999999999999999999",
        "after=-1",
        "after=x",
        "kind=",
        "\u{fffd}",
    ] {
        for page in ["", "/list", "/1", "/run", "/schedules", "/nodes", "/queues"] {
            let answer = world.get(&format!("/tasks{page}?{query}"));
            assert!([200, 303, 400].contains(&answer.status), "{page}?{query}: {}", answer.status);
        }
    }
    for form in [&*many, "%", "do", "do=cancel", "do=%ff", "do=cancel&reason=%00", "kind=odd", ""] {
        for page in ["", "/list", "/1", "/run", "/schedules", "/nodes", "/queues", "/x"] {
            let answer = world.post(&format!("/tasks{page}"), form);
            let expected = [303, 400, 404, 405, 409, 422];
            assert!(expected.contains(&answer.status), "{page} {form}: {}", answer.status);
        }
    }
}

fn a_search_looks_at_so_many_tasks_and_says_so() {
    let world = World::new();
    let first = world.ask("primary.scan", "cpu", "Needle", "{}");
    assert_eq!(first, TaskId(1));
    let page = |query: &str| world.get(&format!("/tasks/list?{query}")).body;
    // All are looked at.
    assert!(page("text=needle").contains("Needle") && !page("text=x").contains("A search looks"));
    for _ in 1..10_000 {
        world.ask("primary.scan", "cpu", "Straw", "{}");
    }
    assert!(page("text=needle").contains("Needle"));
    world.ask("primary.scan", "cpu", "Straw", "{}");
    for query in ["text=needle", "text=needle&kind=primary.scan", "number=0-000&state=running"] {
        let page = page(query);
        let said = "No task fits so far. A search looks at 10\u{202f}000 tasks at a time: these were 2 to 10-001.";
        assert!(page.contains(said), "{page}");
        let older = format!("href=\"/tasks/list?{}&#38;before=2\"", query.replace('&', "&#38;"));
        assert!(page.contains(&older), "{older} in {page}");
    }
    let older = page("text=needle&before=2");
    assert!(older.contains("Needle") && !older.contains("A search looks"), "{older}");
    // What was found comes first; the rest of what was looked at is on the next page.
    let full = page("text=straw");
    assert!(!full.contains("A search looks") && full.contains("before=9952"), "{full}");
    let last = page("text=straw&before=30");
    assert!(last.contains(">2</a>") && !last.contains("A search looks"), "{last}");
    // Without a search, nothing is said.
    assert!(!page("kind=odd").contains("A search looks"));
}
