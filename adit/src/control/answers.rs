use super::ClientError;
use adit_wire::netlink::{Answer, Attributes, Errno, FAMILY_ID, Frame, Frames, kind};
use std::io;

/// The packets that answer one request, as a client reads them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    seq: u32,
}

impl Answers {
    /// The answers to `message`, which is one encoded request.
    pub fn to(message: &[u8]) -> Answers {
        let asked = Frames::new(message).next().and_then(Result::ok);
        Answers {
            seq: asked.map_or(0, |frame| frame.seq),
        }
    }

    /// Reads one packet and hands its objects to `each`; tells whether the answer is complete.
    /// A refusal of the request is an error, as is what answers something else.
    pub fn read(
        &self,
        packet: &[u8],
        mut each: impl FnMut(Attributes),
    ) -> Result<bool, ClientError> {
        for frame in Frames::new(packet) {
            let frame = frame.map_err(|e| ClientError::Garbled(e.to_string()))?;
            match self.message(&frame)? {
                Some(object) => each(object),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// One message: an object, or `None` at the end.
    fn message(&self, frame: &Frame<'_>) -> Result<Option<Attributes>, ClientError> {
        let seq = self.seq;
        if frame.seq != seq {
            let text = format!("an answer to request {} where {seq} was sent", frame.seq);
            return Err(ClientError::Garbled(text));
        }
        match frame.kind {
            kind::DONE => Ok(None),
            kind::ERROR => match Answer::read(frame) {
                Some(Answer { errno: None, .. }) => Ok(None),
                Some(Answer {
                    errno: Some(errno),
                    text,
                }) => Err(refused(errno, text)),
                None => Err(ClientError::Garbled("a refusal that is cut short".into())),
            },
            FAMILY_ID => {
                let (_, _, attributes) = frame
                    .genl()
                    .ok_or_else(|| ClientError::Garbled("a message that is cut short".into()))?;
                let object = Attributes::read(attributes).map_err(|refused| {
                    ClientError::Garbled(format!("attribute {:?} is malformed", refused.attr))
                })?;
                Ok(Some(object))
            }
            other => Err(ClientError::Garbled(format!("a message of type {other}"))),
        }
    }
}

fn refused(errno: Errno, text: Option<&str>) -> ClientError {
    let text = match text {
        // The text goes to a terminal as one line, whoever wrote it.
        Some(text) => text.replace(|c: char| c.is_control(), " "),
        None => io::Error::from_raw_os_error(errno.0).to_string(),
    };
    ClientError::Refused { errno, text }
}
