//! What owners are told.

use std::os::unix::fs::PermissionsExt as _;

use lab::network::Listener;
use visits::target::Target;

use super::*;
use crate::options::Webhook;

#[tokio::test(start_paused = true)]
async fn what_happens_is_told_until_the_webhook_has_taken_it() {
    let mut site = Site::new().await;
    let hook = Arc::new(Mirror::new(Behaviour::Status(503, vec![]), &[]));
    site.world.listen("127.0.0.1", 8080, Listener::Plain(Arc::clone(&hook)));
    let secret_file = site.folder.path().join("secret");
    let url = Target::parse("http://127.0.0.1:8080/hook?a=b").unwrap();
    site.checker.webhook = Some(Webhook { url, secret_file: Some(secret_file.clone()) });
    site.sweep().await;
    site.mirrors[1].behave(Behaviour::HangUp);
    let has_follow_up = async |site: &Site| {
        let task = site.task().await;
        let run = Run::new(site.store.clone(), "1".into(), (task.id, task.claim));
        let swept = site.checker.sweep(None, &run).await.unwrap();
        site.end(&task).await;
        swept.then.iter().any(|next| next.kind == "notice.send")
    };
    let mut minutes = 0;
    while !has_follow_up(&site).await {
        site.now.fetch_add(60, Ordering::Relaxed);
        minutes += 1;
        assert!(minutes < 120, "nothing was told");
    }
    assert!(minutes > 60, "{minutes}");
    let send = async |site: &Site| {
        let task = site.task().await;
        let run = Run::new(site.store.clone(), "1".into(), (task.id, task.claim));
        let sent = site.checker.send_notices(&run).await;
        site.end(&task).await;
        sent
    };
    let failed = send(&site).await.unwrap_err();
    assert!(matches!(failed, Failure::Failed { code: "secret_file", may_pass: true, .. }));
    fs::write(&secret_file, "0123456789abcdef\n").unwrap();
    fs::set_permissions(&secret_file, fs::Permissions::from_mode(0o600)).unwrap();
    let failed = send(&site).await.unwrap_err();
    let Failure::Failed { code: "webhook", message, may_pass: true } = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(message, "the webhook has taken 0 of 1 notices: the answer has status 503");
    // A process that begins anew knows it as well.
    site.forget_all().await;
    assert!(has_follow_up(&site).await);
    hook.behave(Behaviour::Redirect("http://other.example".into()));
    let failed = send(&site).await.unwrap_err();
    assert!(format!("{failed:?}").contains("redirects are not followed"), "{failed:?}");
    // What follows waits for what was not taken.
    site.mirrors[1].behave(Behaviour::Good);
    let n_open = async |site: &Site| {
        site.checker.known.lock().await.register.mirrors["lima"].notices.open().len()
    };
    for _ in 0..120 {
        if n_open(&site).await < 2 {
            site.now.fetch_add(60, Ordering::Relaxed);
            site.sweep().await;
        }
    }
    let failed = send(&site).await.unwrap_err();
    assert!(format!("{failed:?}").contains("taken 0 of 2 notices"), "{failed:?}");
    hook.behave(Behaviour::Status(204, vec![]));
    let sent = send(&site).await.unwrap();
    assert_eq!(sent.result["sent"], 2, "{}", sent.result);
    assert!(!has_follow_up(&site).await);
    let asked = hook.asked();
    let classes = ["down", "down", "down", "down", "recovered"];
    assert_eq!(asked.len(), classes.len());
    for (asked, class) in asked.iter().zip(classes) {
        assert_eq!((&*asked.method, &*asked.path), ("POST", "/hook?a=b"));
        assert_eq!(asked.headers["content-type"], "application/json");
        let signature = visits::post::sign(b"0123456789abcdef", &asked.body);
        assert_eq!(asked.headers["x-mirrorlistd-signature"], signature);
        let notice: Value = serde_json::from_slice(&asked.body).unwrap();
        assert_eq!((&notice["notice"], &notice["mirror"]), (&class.into(), &"lima".into()));
        assert_eq!(notice["id"], format!("lima-{class}-{}", notice["at"]));
    }
    // What nobody takes for days is dropped.
    site.mirrors[1].behave(Behaviour::HangUp);
    let mut n_sweeps = 0;
    while !has_follow_up(&site).await {
        site.now.fetch_add(1_800, Ordering::Relaxed);
        n_sweeps += 1;
        assert!(n_sweeps < 200, "it was not told that it is down again");
    }
    site.now.fetch_add(3 * 86_400 + 1, Ordering::Relaxed);
    let sent = send(&site).await.unwrap();
    assert_eq!((&sent.result["sent"], &sent.result["dropped"]), (&0.into(), &1.into()));
}
