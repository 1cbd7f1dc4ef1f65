//! `control/*`: pausing and resuming.

use hyper::Method;

use super::{Call, Handler, Reply};
use crate::{
    go::{
        decode::{At, DecodeError, Soft, members},
        read::Raw,
    },
    world::{Change, World},
};

pub(super) const HANDLERS: &[Handler] =
    &[Handler::new("control/pause", pause), Handler::new("control/resume", resume)];

/// The name of the parameters' structure in a core's errors.
const HOLDER: &str = "pauseRequestParams";

/// What is asked for; seconds.
#[derive(Default)]
struct Asked {
    duration: i64,
    only_spn: bool,
}

fn pause(world: &mut World, call: &Call) -> Reply {
    // DELETE has no body to read, so all is as if nothing were asked for.
    let asked = if call.method == Method::DELETE { Ok(Asked::default()) } else { read(call.body()) };
    let pause = match asked {
        Ok(asked) => world.pause_until(asked.duration, asked.only_spn).map_err(|refused| refused.to_string()),
        Err(error) => Err(error),
    };
    let applied =
        pause.and_then(|pause| world.apply(Change::Pause(pause)).map_err(|refused| refused.to_string()));
    applied.map_or_else(Reply::failure, |()| Reply::action("Pause initiated"))
}

fn read(body: &[u8]) -> Result<Asked, String> {
    let document = Raw::checked(body)?;
    let mut asked = Asked::default();
    let mut soft = Soft::default();
    let read = members(
        document,
        At::TOP,
        "control.pauseRequestParams",
        &["duration", "onlySPN"],
        &mut soft,
        |name, value, soft| {
            match name {
                "duration" => soft.int(value, At::member(HOLDER, name), &mut asked.duration),
                _ => soft.bool(value, At::member(HOLDER, name), &mut asked.only_spn),
            }
            Ok::<(), DecodeError>(())
        },
    );
    read.and_then(|()| soft.unless(asked)).map_err(|error| error.to_string())
}

fn resume(world: &mut World, _: &Call) -> Reply {
    match world.apply(Change::Resume) {
        Ok(()) => Reply::action("Resume initiated"),
        Err(refused) => Reply::failure(refused.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn bodies_are_read_as_go_does() {
        let asked =
            read(br#"{"Duration": 30, "ONLYSPN": true}"#).map(|asked| (asked.duration, asked.only_spn));
        assert_eq!(asked, Ok((30, true)));
        for (body, error) in [
            ("", "unexpected end of JSON input"),
            ("[]", "json: cannot unmarshal array into Go value of type control.pauseRequestParams"),
            (
                r#"{"duration":"5"}"#,
                "json: cannot unmarshal string into Go struct field pauseRequestParams.duration of type int",
            ),
        ] {
            assert_eq!(read(body.as_bytes()).err().as_deref(), Some(error), "{body}");
        }
    }
}
