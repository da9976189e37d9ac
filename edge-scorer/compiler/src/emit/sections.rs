//! Finds a custom section without trusting the module.

/// The bytes of the first custom section called `name`.
pub(crate) fn custom_section<'a>(wasm: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = wasm.strip_prefix(b"\0asm\x01\0\0\0")?;
    while let Some((id, after_id)) = rest.split_first() {
        let (size, body) = leb128(after_id)?;
        let (section, next) = body.split_at_checked(size)?;
        if *id == 0 {
            let (name_size, named) = leb128(section)?;
            let (section_name, data) = named.split_at_checked(name_size)?;
            if section_name == name.as_bytes() {
                return Some(data);
            }
        }
        rest = next;
    }
    None
}

fn leb128(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f).checked_shl(7 * index as u32)?;
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_and_a_lying_length_is_not_followed() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend([0, 5, 1, b'a', 1, 2, 3]);
        wasm.extend([0, 4, 1, b'b', 9, 9]);

        assert_eq!(custom_section(&wasm, "b"), Some(&[9, 9][..]));
        assert_eq!(custom_section(&wasm, "c"), None);

        wasm.extend([0, 200, 1, 1, b'c']);
        assert_eq!(custom_section(&wasm, "c"), None);
    }
}
