//! Requests that come through the database websocket (websocket §6).

use std::sync::Arc;

use hyper::{Request, StatusCode, header::CONTENT_TYPE};
use portmaster_fixtures::Permission;

use super::{
    dispatch::finish,
    early::wellformed,
    front::{Front, Step},
    render::Answer,
};
use crate::{
    core::{Bridged, Inside, Shared, Work},
    world::session::Token,
};

/// Answers a request that the database's bridge makes, with an administrator's permissions (websocket §6).
pub(crate) fn bridge(shared: Arc<Shared>, asked: Inside) -> Work<Bridged> {
    Box::pin(async move {
        let answer = bridged(&shared, asked).await;
        let mime_type = answer.headers.iter().find(|(name, _)| name == CONTENT_TYPE);
        Bridged {
            status: answer.status,
            mime_type: mime_type
                .map(|(_, value)| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .unwrap_or_default(),
            body: answer.body,
        }
    })
}

async fn bridged(shared: &Arc<Shared>, asked: Inside) -> Answer {
    let Inside { method, target, mime_type, body } = asked;
    let bad_request = || Answer::error(StatusCode::BAD_REQUEST, "400 Bad Request");
    let mut request = Request::builder().method(method).uri(target);
    if let Some(mime_type) = mime_type {
        request = request.header(CONTENT_TYPE, mime_type);
    }
    let Ok(request) = request.body(()) else { return bad_request() };
    let (mut parts, ()) = request.into_parts();
    let path = match wellformed(&parts) {
        Ok(path) => path,
        Err(answer) => return answer,
    };
    // Many can be asked at once: they wait in line, and whoever came meanwhile is answered before the next.
    let turn = shared.turns.acquire().await;
    let Front { served, step, .. } = shared.with(|world| {
        let admin = Token { read: Permission::Admin, write: Permission::Admin };
        parts.extensions.insert(if world.dev_mode() { Token::ITSELF } else { admin });
        Front::look(shared, world, &mut parts, &path, None)
    });
    tokio::task::yield_now().await;
    drop(turn);
    match step {
        Step::Answer(answer) => answer,
        // Somebody inside vouches for it: nobody is asked.
        Step::Upgrade(_) | Step::Prompt(_) => bad_request(),
        Step::Replied(admission, ran) => finish(shared, &served, admission, ran.reply).await,
        Step::NeedsBody(admission) => {
            let ran = shared.with(|world| admission.run(world, &mut parts, Some(body)));
            finish(shared, &served, admission, ran.reply).await
        }
    }
}
