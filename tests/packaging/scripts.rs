//! The scripts of the package, by running them where something is odd: without systemd, with a user of
//! that name, on an upgrade that cannot restart what runs.

use crate::host::Host;

tests! {
    without_systemd_it_installs_upgrades_and_goes,
    a_user_and_files_that_are_there_already_stay_as_they_are,
    an_upgrade_succeeds_where_the_service_cannot_start_again,
}

const DEB: &str = "/root/mirrorlistd.deb";

/// In a mount namespace of its own: systemd does not run, and its tools are not there.
const WITHOUT_SYSTEMD: &str = "unshare --mount sh -ec '
    mount -t tmpfs none /run/systemd
    for tool in systemctl systemd-sysusers systemd-tmpfiles; do
        mount --bind /dev/null /usr/bin/$tool
        ! command -v $tool
    done
    COMMANDS'";

fn without_systemd_it_installs_upgrades_and_goes() {
    let host = Host::boot();
    host.copy_deb(DEB);
    let commands = format!(
        "dpkg --install {DEB}; mirrorlistd --version; mirrorlistd check --demo -l none --port 0
         dpkg --install {DEB}; dpkg --remove mirrorlistd; dpkg --purge mirrorlistd"
    );
    let said = host.run(&WITHOUT_SYSTEMD.replace("COMMANDS", &commands));
    assert!(said.contains("verdict: fine"), "{said}");
    assert!(!host.try_run("dpkg --status mirrorlistd").status.success());
    // Nobody made the user, and whoever installs it with systemd afterwards gets one.
    assert!(!host.try_run("id mirrorlistd").status.success());
    host.install_deb();
    host.run("systemctl start mirrorlistd.service");
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "active");
}

fn a_user_and_files_that_are_there_already_stay_as_they_are() {
    let host = Host::boot();
    host.run(
        "useradd --system --uid 777 --home-dir /srv/elsewhere --shell /bin/sh mirrorlistd
         install -d -o nobody -m 0700 /var/lib/mirrorlistd
         echo mine > /var/lib/mirrorlistd/mine",
    );
    let before = host.run("getent passwd mirrorlistd");
    host.install_deb();
    assert_eq!(host.run("getent passwd mirrorlistd"), before);
    assert_eq!(host.read("/var/lib/mirrorlistd/mine"), "mine\n");
    host.run("systemctl start mirrorlistd.service");
    assert_eq!(host.property("mirrorlistd.service", "ActiveState"), "active");
    let pid = host.property("mirrorlistd.service", "MainPID");
    assert_eq!(host.run(&format!("stat --format=%u /proc/{pid}")), "777\n");
    host.run("dpkg --remove mirrorlistd && dpkg --purge mirrorlistd");
    assert_eq!(host.run("getent passwd mirrorlistd"), before);
    assert_eq!(host.read("/var/lib/mirrorlistd/mine"), "mine\n");
}

fn an_upgrade_succeeds_where_the_service_cannot_start_again() {
    let host = Host::with_package();
    host.run("systemctl start mirrorlistd@1.service mirrorlistd@2.service");
    let second = host.property("mirrorlistd@2.service", "MainPID");
    host.run("echo 'lisen = 1' >> /etc/mirrorlistd/mirrorlistd.toml");
    let output = host.try_run(&format!("dpkg --install {DEB}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let line = "mirrorlistd: mirrorlistd@1.service did not start again; processes after it run on";
    assert!(said.contains(line), "{said}");
    assert_eq!(host.property("mirrorlistd@2.service", "MainPID"), second);
    assert_eq!(host.property("mirrorlistd@2.service", "ActiveState"), "active");
    assert_eq!(
        host.run("dpkg-query --show --showformat='${Status}' mirrorlistd"),
        "install ok installed"
    );
}
