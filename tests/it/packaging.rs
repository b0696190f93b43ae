//! The files shipped with the program: image, compose file, manifests, unit. They are read as their tools read them,
//! and the program itself checks the configurations in them.

use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml::Value;

use crate::support::http::read_head;
use crate::support::openssl::KeyPair;
use crate::support::sidecar::command;
use crate::support::{ConfigBuilder, Provider, Sidecar};

/// The image's user, which must be the same in every manifest.
const USER: u64 = 65532;

#[test]
fn a_supervisor_learns_whether_a_sidecar_is_ready_or_gone() {
    let provider = Provider::start();
    let mut sidecar = Sidecar::start(&ConfigBuilder::new(&provider.base_url()));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("c.toml");
    // The rest of the file is being edited: that says nothing about the running sidecar.
    let text = format!(
        "[listen]\nadmin = \"{}\"\n[[account]]\nname = 7\nhalf = \"done\"\n",
        sidecar.admin
    );
    std::fs::write(&file, text).expect("a configuration");
    let file = file.to_str().expect("a path");
    assert_eq!(healthcheck(&["--config", file]), (Some(0), "ready\n".to_owned()));
    assert_eq!(healthcheck(&["--config", file, "--live"]), (Some(0), "alive\n".to_owned()));
    assert_eq!(healthcheck(&["--at", &sidecar.admin.to_string()]).0, Some(0));
    sidecar.terminate();
    let (code, said) = healthcheck(&["--config", file]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("does not answer") && said.contains("refused"), "{said}");
}

#[test]
fn a_sidecar_that_is_not_ready_is_distinguished_from_a_dead_one() {
    let expired = format!(
        "[[account.signing_key]]\nid = \"old\"\nprivate_key = {{ file = {:?} }}\nnot_before = 2090-01-01T00:00:00Z",
        KeyPair::merchant().private()
    );
    let config = ConfigBuilder::new("http://127.0.0.1:9").only_signing_key(&expired);
    let sidecar = Sidecar::start(&config);
    let admin = sidecar.admin.to_string();
    let (code, said) = healthcheck(&["--at", &admin]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("status 503") && said.contains("no signing key"), "why: {said}");
    assert_eq!(healthcheck(&["--at", &admin, "--live"]).0, Some(0), "a restart would not help");
}

#[test]
fn a_sidecar_on_a_unix_socket_is_queried_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("admin.sock");
    let file = folder.path().join("c.toml");
    let text = format!("[listen]\nadmin = \"unix:{}\"\n", socket.display());
    std::fs::write(&file, text).expect("a configuration");
    let listener = UnixListener::bind(&socket).expect("a socket");
    let answering = std::thread::spawn(move || {
        let answers = ["HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 503 No\r\n\r\nwhy", "+OK\r\n"];
        answers.map(|answer| {
            let (mut stream, _) = listener.accept().expect("a caller");
            let asked = read_head(&mut stream).expect("a request");
            stream.write_all(answer.as_bytes()).expect("written");
            asked
        })
    });
    let ask = || healthcheck(&["--config", file.to_str().expect("a path")]);
    assert_eq!(ask(), (Some(0), "ready\n".to_owned()));
    let (code, said) = ask();
    assert!(code == Some(1) && said.contains("not ready: status 503: why"), "{said}");
    let (code, said) = ask();
    assert!(code == Some(1) && said.contains("not like a sidecar"), "{said}");
    let asked = answering.join().expect("it answered");
    assert!(asked[0].starts_with("GET /readyz HTTP/1.1\r\n"), "{asked:?}");
}

#[test]
fn a_listener_that_cannot_be_queried_is_an_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = format!("{}/tests/data/config", env!("CARGO_MANIFEST_DIR"));
    let tls = format!(
        "{{ address = \"127.0.0.1:1\", cert = {{ file = \"{data}/tls.pem\" }}, key = {{ file = \"{data}/tls.key\" }} }}"
    );
    for (admin, said_by_it) in [
        (tls.as_str(), "certificate"),
        ("\"127.0.0.1:0\"", "port 0"),
        ("\"nowhere\"", "listen.admin"),
    ] {
        let file = folder.path().join("c.toml");
        std::fs::write(&file, format!("[listen]\nadmin = {admin}\n")).expect("a configuration");
        let (code, said) = healthcheck(&["--config", file.to_str().expect("a path")]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(said_by_it), "{admin}: {said}");
    }
    assert_eq!(healthcheck(&["--at", "somewhere"]).0, Some(2), "a word that is not an address");
}

#[test]
fn the_image_is_built_with_the_pinned_toolchain_and_runs_unprivileged_without_a_shell() {
    let dockerfile = text("Dockerfile");
    let toolchain: toml::Table = text("rust-toolchain.toml").parse().expect("TOML");
    let version = toolchain["toolchain"]["channel"].as_str().expect("a version");
    let program: toml::Table = text("Cargo.toml").parse().expect("TOML");
    let program = program["package"]["version"].as_str().expect("a version");
    for line in [
        &format!("ARG RUST_VERSION={version}"),
        &format!("USER {USER}:{USER}"),
        &format!("      org.opencontainers.image.version=\"{program}\" \\"),
        "STOPSIGNAL SIGTERM",
        "ENTRYPOINT [\"/usr/bin/countersign\"]",
    ] {
        assert!(dockerfile.lines().any(|it| it == line), "`{line}` is missing");
    }
    let health = dockerfile.lines().find(|line| line.starts_with("HEALTHCHECK")).expect("one");
    assert!(health.ends_with("CMD [\"/usr/bin/countersign\", \"healthcheck\"]"), "{health}");
    let last = dockerfile.split("\nFROM ").last().expect("a stage");
    assert!(!last.contains("\nRUN "), "the last stage has no shell to run a command");
}

#[test]
fn only_the_sources_get_into_the_build() {
    let ignored = text(".dockerignore");
    let lines: Vec<&str> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], "*", "an allow-list, not a deny-list");
    let copied: Vec<String> = lines[1..].iter().map(|line| line.replace('!', "")).collect();
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", "src", "config", "LICENSE"] {
        assert!(copied.iter().any(|it| it == needed), "the Dockerfile copies `{needed}`");
    }
    assert_eq!(copied.len(), 6, "{copied:?}");
}

#[test]
fn the_compose_file_starts_a_configuration_that_loads() {
    let compose = yaml("compose.yaml");
    let services = compose["services"].as_mapping().expect("services");
    for (name, service) in services {
        let image = service["image"].as_str().expect("an image");
        let tag = image.split_once(':').expect("a tag").1;
        assert_ne!(tag, "latest", "{name:?}");
        for port in service["ports"].as_sequence().into_iter().flatten() {
            let port = port.as_str().expect("text");
            assert!(port.starts_with("127.0.0.1:"), "{name:?} publishes {port} to everyone");
        }
        for volume in service["volumes"].as_sequence().into_iter().flatten() {
            let source = volume.as_str().and_then(|it| it.split(':').next()).expect("a source");
            let later = ["./dashboards", "./alerts"].iter().any(|it| source.starts_with(it));
            assert!(
                later || !source.starts_with('.') || root().join(source).exists(),
                "{name:?} mounts `{source}`, which does not exist"
            );
        }
    }
    assert_eq!(services["sandbox"]["network_mode"], "service:sidecar", "demo keys need loopback");
    let folder = tempfile::tempdir().expect("a folder");
    let demo = root().join("config/demo");
    let text = text("deploy/compose/countersign/countersign.toml")
        .replace("/run/demo", demo.to_str().expect("a path"));
    assert_loads(folder.path(), &text);
    let sandbox = text_toml("deploy/compose/countersign/sandbox.toml");
    assert_eq!(sandbox["listen"].as_str(), Some("0.0.0.0:8700"));
    let scraped = yaml("deploy/compose/prometheus.yml");
    assert_eq!(scraped["scrape_configs"][0]["static_configs"][0]["targets"][0], "sidecar:8602");
}

#[test]
fn the_kubernetes_manifest_is_an_unprivileged_native_sidecar_with_a_valid_configuration() {
    let documents = documents("deploy/kubernetes/countersign.yaml");
    let of_kind = |kind: &str| documents.iter().find(|it| it["kind"] == kind).expect("one");
    let pod = &of_kind("StatefulSet")["spec"]["template"]["spec"];
    let sidecar = &pod["initContainers"][0];
    assert_eq!(sidecar["restartPolicy"], "Always", "or the application would never start");
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert!(sidecar[probe]["httpGet"]["path"].is_string(), "{probe}");
    }
    assert_eq!(sidecar["livenessProbe"]["httpGet"]["path"], "/livez", "not ready is not dead");
    let rights = &sidecar["securityContext"];
    assert_eq!(rights["readOnlyRootFilesystem"], true);
    assert_eq!(rights["allowPrivilegeEscalation"], false);
    assert_eq!(rights["capabilities"]["drop"][0], "ALL");
    let of_pod = &pod["securityContext"];
    assert_eq!(of_pod["runAsNonRoot"], true);
    assert_eq!(of_pod["runAsUser"], USER);
    assert_eq!(of_pod["fsGroup"], USER);
    assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
    for mount in sidecar["volumeMounts"].as_sequence().expect("mounts") {
        assert!(mount["subPath"].is_null(), "a subPath mount is never updated: {mount:?}");
    }
    let claim = &of_kind("StatefulSet")["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "store", "the journal outlives the pod");
    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("seconds");
    assert!(grace > 30 + 7 + 15, "application, longest call and the end of a stop: {grace} s");

    let config = of_kind("ConfigMap")["data"]["countersign.toml"].as_str().expect("a text");
    let keys = secret_folder();
    let config = config.replace("/etc/countersign-keys", keys.path().to_str().expect("a path"));
    assert_loads(keys.path(), &config);
}

#[test]
fn the_manifests_agree_on_names_and_ports() {
    let documents = documents("deploy/kubernetes/countersign.yaml");
    let service = documents.iter().find(|it| it["kind"] == "Service").expect("one");
    let policy = yaml("deploy/kubernetes/network-policy.yaml");
    let monitor = yaml("deploy/kubernetes/service-monitor.yaml");
    let labels = &service["metadata"]["labels"];
    assert_eq!(&monitor["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&policy["spec"]["podSelector"]["matchLabels"], &service["spec"]["selector"]);
    let names: Vec<_> = service["spec"]["ports"]
        .as_sequence()
        .expect("ports")
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert!(names.contains(&&monitor["spec"]["endpoints"][0]["port"]), "{names:?}");
}

/// The script only adds a head before the rules; this test detects a rule file that it cannot convert.
#[test]
fn the_rules_for_the_operator_are_the_alert_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = "# Comment.\n---\ngroups:\n  - name: a\n    rules:\n      - alert: B\n        expr: |\n          up\n\n          == 0\n";
    let file = folder.path().join("rules.yml");
    std::fs::write(&file, sample).expect("a file");
    assert_eq!(
        made_rule(&file)["spec"],
        serde_yaml::from_str::<Value>(&sample.replace("---", "")).expect("YAML")
    );

    let rules = root().join("alerts/countersign.rules.yml");
    if rules.exists() {
        let kept = yaml("deploy/kubernetes/prometheus-rule.yaml");
        assert_eq!(kept["kind"], "PrometheusRule");
        assert_eq!(
            kept["spec"],
            yaml("alerts/countersign.rules.yml"),
            "run deploy/kubernetes/prometheus-rule.sh > deploy/kubernetes/prometheus-rule.yaml"
        );
    }
}

#[test]
fn the_unit_restricts_the_service_and_passes_its_secrets() {
    let unit = text("deploy/systemd/countersign.service");
    for line in [
        "ExecStartPre=/usr/bin/countersign check",
        "ExecStart=/usr/bin/countersign run",
        "ExecReload=/bin/kill -HUP $MAINPID",
        "DynamicUser=yes",
        "StateDirectory=countersign",
        "WorkingDirectory=/var/lib/countersign",
        "ProtectSystem=strict",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "MemoryDenyWriteExecute=yes",
        "KillSignal=SIGTERM",
    ] {
        assert!(unit.lines().any(|it| it == line), "`{line}` is missing");
    }
    assert!(unit.lines().any(|line| line.starts_with("LoadCredential=shop-th.pem:/etc/")));
}

/// systemd passes the sockets to the unit of the same name; the program finds each by its address.
#[test]
fn systemd_can_open_the_listeners_of_the_unit() {
    let sockets = text("deploy/systemd/countersign.socket");
    let listens = sockets.lines().filter_map(|line| line.strip_prefix("ListenStream="));
    let addresses: Vec<std::net::SocketAddr> =
        listens.map(|it| it.parse().expect("an address that `listen` also accepts")).collect();
    let ports: Vec<String> = addresses.iter().map(|it| it.port().to_string()).collect();
    let exposed = text("Dockerfile");
    let exposed = exposed.lines().find_map(|line| line.strip_prefix("EXPOSE ")).expect("ports");
    assert_eq!(
        ports.join(" "),
        exposed,
        "application, notifications, admin, as in all other files"
    );
    let [app, _, admin] = addresses[..] else { panic!("{addresses:?}") };
    assert!(app.ip().is_loopback() && admin.ip().is_loopback(), "neither requires a password");
    assert!(!sockets.contains("Accept="), "a process for each connection would have no journal");
}

#[test]
fn every_file_that_a_document_links_to_exists() {
    let mut pages = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    let docs = std::fs::read_dir(root().join("docs")).expect("documents");
    pages.extend(docs.map(|entry| entry.expect("an entry").path()));
    for page in pages.iter().filter(|page| page.extension().is_some_and(|it| it == "md")) {
        let text = std::fs::read_to_string(page).expect("a text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
            let target = page.parent().expect("a folder").join(link);
            let is_elsewhere = link.contains("://");
            assert!(is_elsewhere || target.exists(), "{}: `{link}`", page.display());
        }
    }
}

/// A folder like the mounted Secret.
fn secret_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = |from: PathBuf, name: &str| {
        std::fs::copy(from, folder.path().join(name)).expect("copied");
    };
    copy(KeyPair::merchant().private(), "shop-th.pem");
    copy(KeyPair::provider().public(), "bluepay-2025.pub");
    std::fs::write(folder.path().join("app-id"), "app-4711\n").expect("a file");
    let secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";
    std::fs::write(folder.path().join("delivery-secret"), secret).expect("a file");
    folder
}

/// `countersign check` accepts the configuration.
#[track_caller]
fn assert_loads(folder: &Path, text: &str) {
    let file = folder.join("checked.toml");
    std::fs::write(&file, text).expect("a configuration");
    let output = command(&["check", "--config"]).arg(&file).output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The exit code and all output.
fn healthcheck(arguments: &[&str]) -> (Option<i32>, String) {
    let output = command(&["healthcheck"]).args(arguments).output().expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&said).into_owned())
}

fn made_rule(rules: &Path) -> Value {
    let script = root().join("deploy/kubernetes/prometheus-rule.sh");
    let output = Command::new("sh").arg(script).arg(rules).output().expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_yaml::from_slice(&output.stdout).expect("YAML")
}

fn documents(path: &str) -> Vec<Value> {
    use serde::Deserialize;
    serde_yaml::Deserializer::from_str(&text(path))
        .map(|document| Value::deserialize(document).expect("YAML"))
        .filter(|document| !document.is_null())
        .collect()
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text_toml(path: &str) -> toml::Table {
    text(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
