//! Frames on a stream: four bytes of length (little-endian), then the bytes of one message.

use std::io;

use cairn_protocol::message::Message;
use cairn_protocol::message::codec::{self, CodecError};
use futures::{AsyncRead, AsyncReadExt};

/// A buffer starts with this many bytes and doubles as bytes arrive: a false length costs its sender as many
/// bytes as it costs this node.
const FIRST_STEP: usize = 16 * 1024;
/// The length of a frame's head in bytes.
const PREFIX: usize = 4;

/// The reasons why no frame was read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed, or ended within a frame.
    #[error("the stream failed: {0}")]
    Broken(#[from] io::Error),
    /// The frame announces more bytes than any message may have. Nothing of it was read.
    #[error("a frame of {found} bytes, at most {allowed} are allowed")]
    TooLong { found: usize, allowed: usize },
}

impl FrameError {
    /// The error for the protocol, if the peer sent malformed bytes.
    pub const fn codec_error(&self) -> Option<CodecError> {
        match *self {
            Self::Broken(_) => None,
            Self::TooLong { found, allowed } => Some(CodecError::FrameTooLong { found, allowed }),
        }
    }
}

/// Reads one frame; none when the stream ended between two. `grows` is told of every further piece of memory.
///
/// # Errors
/// When the stream breaks, or the frame is too long.
pub async fn read_frame<R: AsyncRead + Unpin>(
    reader: &mut R,
    longest: usize,
    grows: impl Fn(usize),
) -> Result<Option<Vec<u8>>, FrameError> {
    let mut prefix = [0; PREFIX];
    if reader.read(&mut prefix[..1]).await? == 0 {
        return Ok(None);
    }
    reader.read_exact(&mut prefix[1..]).await?;
    let length = u32::from_le_bytes(prefix) as usize;
    if length > longest {
        return Err(FrameError::TooLong { found: length, allowed: longest });
    }
    let mut frame = Vec::new();
    while frame.len() < length {
        let arrived = frame.len();
        let step = (length - arrived).min(arrived.max(FIRST_STEP));
        grows(step);
        frame.resize(arrived + step, 0);
        reader.read_exact(&mut frame[arrived..]).await?;
    }
    Ok(Some(frame))
}

/// Appends a message's frame to a buffer.
pub fn push_frame(buffer: &mut Vec<u8>, message: &Message) {
    let bytes = codec::encode(message);
    let length = u32::try_from(bytes.len()).expect("no message is as long as 4 GiB");
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;

    use super::*;

    fn read(bytes: &[u8], longest: usize) -> Result<Option<Vec<u8>>, FrameError> {
        block_on(read_frame(&mut Cursor::new(bytes), longest, |_| ()))
    }

    #[test]
    fn a_message_goes_through_a_frame_unchanged() {
        let mut buffer = Vec::new();
        push_frame(&mut buffer, &Message::Ping { nonce: 7 });
        let frame = read(&buffer, 100).expect("a whole frame").expect("not the end");
        assert_eq!(codec::decode(&frame), Ok(Message::Ping { nonce: 7 }));
    }

    #[test]
    fn a_long_frame_is_read_in_growing_steps() {
        let body: Vec<u8> = (0..100_000u32).map(|number| number as u8).collect();
        let mut bytes = 100_000u32.to_le_bytes().to_vec();
        bytes.extend_from_slice(&body);
        let steps = std::cell::RefCell::new(Vec::new());
        let mut half = Cursor::new(&bytes[..50_000]);
        let read_half = block_on(read_frame(&mut half, 100_000, |step| steps.borrow_mut().push(step)));
        assert!(matches!(read_half, Err(FrameError::Broken(_))));
        assert_eq!(steps.into_inner(), [16_384, 16_384, 32_768], "for 50,000 bytes that came");
        assert_eq!(read(&bytes, 100_000).expect("a whole frame"), Some(body));
    }

    #[test]
    fn the_end_between_frames_is_an_end_and_within_one_a_break() {
        assert!(matches!(read(&[], 10), Ok(None)));
        assert!(matches!(read(&[3, 0], 10), Err(FrameError::Broken(_))));
        assert!(matches!(read(&[3, 0, 0, 0, 1, 2], 10), Err(FrameError::Broken(_))));
    }

    #[test]
    fn a_frame_one_byte_too_long_is_refused_unread() {
        assert!(matches!(read(&[11, 0, 0, 0], 10), Err(FrameError::TooLong { found: 11, allowed: 10 })));
        assert!(matches!(read(&[255; 4], 10), Err(FrameError::TooLong { found: 0xffff_ffff, .. })));
    }
}
