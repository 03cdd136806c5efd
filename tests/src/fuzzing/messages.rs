//! Bytes of peers: what is a message is written the same again, and no frame reads beyond itself.

use cairn_daemon::p2p::stream::{push_frame, read_frame};
use cairn_protocol::limits::{MAX_FRAME, MAX_FRAME_BEFORE_HELLO};
use cairn_protocol::message::codec;
use futures::FutureExt;
use futures::io::Cursor;

/// Bytes are no message, or the only form of one.
///
/// # Panics
/// When it does not hold.
pub fn message(bytes: &[u8]) {
    match codec::decode(bytes) {
        Ok(message) => assert_eq!(codec::encode(&message), bytes, "{message:?} has two forms"),
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

/// A stream is a row of frames, each within its bound, until it ends or breaks.
///
/// # Panics
/// When it does not hold.
pub fn frames(bytes: &[u8]) {
    for longest in [MAX_FRAME_BEFORE_HELLO, MAX_FRAME] {
        let (mut stream, mut read) = (Cursor::new(bytes), Vec::new());
        while let Ok(Some(frame)) =
            read_frame(&mut stream, longest, |_| ()).now_or_never().expect("bytes in memory wait for nobody")
        {
            assert!(frame.len() <= longest);
            match codec::decode(&frame) {
                Ok(message) => push_frame(&mut read, &message),
                Err(_) => {
                    read.extend_from_slice(&u32::try_from(frame.len()).expect("bounded").to_le_bytes());
                    read.extend_from_slice(&frame);
                }
            }
            assert!(bytes.starts_with(&read), "nothing is read twice or left out");
        }
    }
}
