//! Bodies in the chunked coding.

use bytes::{Buf, BytesMut};
use http::StatusCode;
use httparse::Status;

use super::head::HEADERS_MAX;

/// A chunked body as far as it has been received.
pub struct Chunks {
    pub body: Vec<u8>,
    /// Its length limit, in bytes.
    bytes_max: usize,
}

impl Chunks {
    pub fn new(bytes_max: usize) -> Self {
        Self { body: Vec::new(), bytes_max }
    }

    /// Takes every whole chunk out of `buffer`. Returns whether the last one and its trailers, which are dropped, were
    /// among them.
    ///
    /// # Errors
    /// The answer to a client whose body is not valid chunks, or too long.
    pub fn take(&mut self, buffer: &mut BytesMut) -> Result<bool, StatusCode> {
        let malformed = StatusCode::BAD_REQUEST;
        loop {
            let parsed = httparse::parse_chunk_size(buffer).map_err(|_| malformed)?;
            let Status::Complete((start, size)) = parsed else { return Ok(false) };
            if size == 0 {
                let mut fields = [httparse::EMPTY_HEADER; HEADERS_MAX];
                let trailers = httparse::parse_headers(&buffer[start..], &mut fields);
                let Status::Complete((length, _)) = trailers.map_err(|_| malformed)? else {
                    return Ok(false);
                };
                buffer.advance(start + length);
                return Ok(true);
            }
            let room = self.bytes_max - self.body.len();
            let size = usize::try_from(size).ok().filter(|size| *size <= room);
            let end = start + size.ok_or(StatusCode::PAYLOAD_TOO_LARGE)?;
            match buffer.get(end..end + 2) {
                Some(b"\r\n") => {}
                Some(_) => return Err(malformed),
                None => return Ok(false),
            }
            self.body.extend_from_slice(&buffer[start..end]);
            buffer.advance(end + 2);
        }
    }
}
