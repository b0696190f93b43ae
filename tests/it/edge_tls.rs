//! TLS on both sides: which certificates are trusted, who must present one, and what a failed handshake proves.

use std::net::SocketAddr;
use std::sync::Arc;

use countersign::in_process::config::Address;
use countersign::in_process::edge::{PingoraUpstream, Serving, bind};
use countersign::in_process::secret::Secret;
use countersign::in_process::wire::{
    Call, ClientCertificate, NotSent, SendError, Target, TargetTls, Upstream,
};
use pingora_rustls::TlsAcceptor;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{WantsServerCert, WebPkiClientVerifier};
use rustls::{ConfigBuilder, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::net::TcpListener;

use crate::edge_support::{Authority, Caller, TestServer, content_length};
use crate::edge_upstream::{OK, call, patient, target};

fn tls_target(address: SocketAddr, authority: &Authority) -> Target {
    let tls = TargetTls { ca_pem: Some(Arc::new(authority.ca_pem())), client: None };
    Target { tls: Some(tls), host: "localhost".to_owned(), ..target(address) }
}

fn with_client(mut target: Target, authority: &Authority) -> Target {
    let (chain_pem, key_pem) = authority.issue("merchant");
    let client = ClientCertificate { chain_pem, key_pem: Secret::new(key_pem) };
    target.tls.as_mut().expect("a TLS target").client = Some(Arc::new(client));
    target.fingerprint.push_str(" with a client certificate");
    target
}

#[tokio::test]
async fn a_trusted_listener_is_called_and_its_connection_is_kept() {
    let authority = Authority::new();
    let server = TestServer::start_on(authority.listener("server"), Serving::default());
    let upstream = PingoraUpstream::default();
    let target = tls_target(server.tcp(), &authority);
    let large = "x".repeat(300_000);
    let echoed = upstream.send(&target, call(large.clone()), patient(), None).await.unwrap();
    assert!(echoed.body == large, "a body of many TLS records came back changed");

    let target = Target { base_path: String::new(), ..target };
    let who_am_i = Call { path: "/peer".to_owned(), ..call("") };
    let first = upstream.send(&target, who_am_i.clone(), patient(), None).await.unwrap();
    let second = upstream.send(&target, who_am_i, patient(), None).await.unwrap();
    assert_eq!(first.body, second.body, "the same connection has the same port");
}

#[tokio::test]
async fn an_untrusted_authority_or_name_proves_that_nothing_was_sent() {
    let authority = Authority::new();
    let server = TestServer::start_on(authority.listener("server"), Serving::default());
    let stranger = tls_target(server.tcp(), &Authority::new());
    let system = Target {
        tls: Some(TargetTls { ca_pem: None, client: None }),
        ..tls_target(server.tcp(), &authority)
    };
    let other_name =
        Target { host: "127.0.0.1".to_owned(), ..tls_target(server.tcp(), &authority) };
    let unreadable = Target {
        tls: Some(TargetTls { ca_pem: Some(Arc::new(b"-".to_vec())), client: None }),
        ..tls_target(server.tcp(), &authority)
    };
    for (what, target) in [
        ("stranger", stranger),
        ("system", system),
        ("unreadable", unreadable),
        ("name", other_name),
    ] {
        let outcome = PingoraUpstream::default().send(&target, call("{}"), patient(), None).await;
        let refused = matches!(outcome, Err(SendError::NotSent(NotSent::Tls)));
        assert!(refused, "{what}: {outcome:?}");
    }
    assert_eq!(server.echo.handled.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_plain_port_is_a_failed_handshake() {
    let server = TestServer::start();
    let target = tls_target(server.tcp(), &Authority::new());
    let outcome = PingoraUpstream::default().send(&target, call("{}"), patient(), None).await;
    assert!(matches!(outcome, Err(SendError::NotSent(NotSent::Tls))), "{outcome:?}");
}

#[tokio::test]
async fn a_new_certificate_is_presented_without_a_restart() {
    let (old, new) = (Authority::new(), Authority::new());
    let bound = bind("listen.app", &old.listener("server")).unwrap();
    let Address::Tcp(address) = *bound.address() else { panic!("a TCP listener") };
    let certificate = bound.certificate().expect("a TLS listener has one");
    let echo = Arc::new(crate::edge_support::Echo::default());
    let service = bound.service(echo, Serving::default());
    let (_shutdown, watch) = tokio::sync::watch::channel(false);
    tokio::spawn(countersign::in_process::edge::serve(service, watch, std::time::Duration::ZERO));

    let upstream = PingoraUpstream::default();
    let trusts_old = tls_target(address, &old);
    let trusts_new = Target { fingerprint: "new roots".to_owned(), ..tls_target(address, &new) };
    assert!(upstream.send(&trusts_old, call("{}"), patient(), None).await.is_ok());
    let (chain, key) = new.issue("server");
    let (_, unrelated_key) = new.issue("other");
    assert!(certificate.replace(&chain, &unrelated_key).is_err(), "a key of another certificate");
    certificate.replace(&chain, &key).unwrap();
    assert!(upstream.send(&trusts_new, call("{}"), patient(), None).await.is_ok());
    assert!(
        upstream.send(&trusts_old, call("{}"), patient(), None).await.is_ok(),
        "earlier connections continue"
    );
}

#[tokio::test]
async fn a_client_certificate_is_presented_and_without_it_there_is_no_answer() {
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let authority = Authority::new();
        let address = provider_asking_for_certificates(&authority, version).await;
        let anonymous = tls_target(address, &authority);
        let known = with_client(anonymous.clone(), &authority);
        let answer =
            PingoraUpstream::default().send(&known, call("{}"), patient(), None).await.unwrap();
        assert_eq!(answer.body, "ok");

        let outcome =
            PingoraUpstream::default().send(&anonymous, call("{}"), patient(), None).await;
        let is_tls_12 = version.version == rustls::ProtocolVersion::TLSv1_2;
        // With TLS 1.3 a client is done before the server has checked its certificate, so the call is already sent.
        let as_expected = match &outcome {
            Err(SendError::NotSent(NotSent::Tls)) => is_tls_12,
            Err(SendError::Unknown(_)) => !is_tls_12,
            _ => false,
        };
        assert!(as_expected, "{version:?}: {outcome:?}");
    }
}

#[tokio::test]
async fn bytes_after_an_answer_are_never_the_next_answer() {
    const HEAD: usize = 41;
    let authority = Authority::new();
    let stale = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstale";
    // pingora reads heads 4096 bytes at a time: if an answer ends exactly there, it does not see what follows.
    for bytes in [4095, 4096, 4097] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes - HEAD);
        assert_eq!(head.len(), HEAD);
        let answer = [head.as_bytes(), &vec![b'x'; bytes - HEAD], stale].concat();
        let config = ServerConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth();
        let address = provider(&authority, config, answer).await;
        let target = tls_target(address, &authority);
        let upstream = PingoraUpstream::default();
        for call_number in 1..=2 {
            let answer = upstream.send(&target, call("{}"), patient(), None).await.unwrap();
            assert_eq!(
                answer.body.len(),
                bytes - HEAD,
                "call {call_number} got unrequested bytes after an answer of {bytes} bytes"
            );
        }
    }
}

async fn provider_asking_for_certificates(
    authority: &Authority,
    version: &'static SupportedProtocolVersion,
) -> SocketAddr {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&authority.ca_pem()).unwrap()).unwrap();
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), crypto()).build().unwrap();
    let config = ServerConfig::builder_with_provider(crypto())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_client_cert_verifier(verifier);
    provider(authority, config, OK.to_vec()).await
}

/// A provider that sends `answer` to the first request of every connection and leaves the connection open.
async fn provider(
    authority: &Authority,
    config: ConfigBuilder<ServerConfig, WantsServerCert>,
    answer: Vec<u8>,
) -> SocketAddr {
    let (chain, key) = authority.issue("provider");
    let config = config
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(&chain).unwrap()],
            PrivateKeyDer::from_pem_slice(&key).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            // A caller without a certificate ends here.
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let mut connection = Caller(stream);
            let head = connection.head().await;
            let mut body = vec![0; content_length(&head)];
            tokio::io::AsyncReadExt::read_exact(&mut connection.0, &mut body).await.unwrap();
            connection.send(&answer).await;
            open.push(connection);
        }
    });
    address
}

fn crypto() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}
