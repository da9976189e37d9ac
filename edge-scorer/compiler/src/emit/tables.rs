//! Which tables of the prebuilt code a module needs: those that a function of it refers to.
//!
//! Addresses look like any other number, and may be off by an index that was folded into them. So the
//! linker says where addresses are (`--emit-relocs`), and keeps a segment for each table
//! (`--no-merge-data-segments`): [`Tables::of`] reads both from the file, before anything is changed.
//!
//! # Invariants
//! - What cannot be understood drops nothing: a table too many costs bytes, one too few is a wrong answer.
//! - Nothing moves: a table that is kept has the address that it had.

use std::collections::HashSet;

use walrus::{DataId, FunctionId, MemoryId, Module};

/// Ids of sections.
const CUSTOM: u8 = 0;
const IMPORT: u8 = 2;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// What refers to which segment.
pub(crate) struct Tables {
    functions: Vec<FunctionId>,
    segments: Vec<DataId>,
    /// By function and by segment: the segments that it refers to.
    of_functions: Vec<Vec<usize>>,
    of_segments: Vec<Vec<usize>>,
}

impl Tables {
    /// Reads the file that `module` was just made from; `None` where it does not say.
    pub(crate) fn of(wasm: &[u8], module: &Module) -> Option<Self> {
        let file = File::read(wasm)?;
        // Functions of other modules would be counted first; the prebuilt code has none.
        let functions: Vec<FunctionId> = module.funcs.iter().map(walrus::Function::id).collect();
        let segments: Vec<DataId> = module.data.iter().map(walrus::Data::id).collect();
        if functions.len() != file.bodies.len() || segments.len() != file.segments.len() {
            return None;
        }
        let of_functions = references(&file.bodies, &file.in_code, &file.symbols)?;
        let of_segments = references(&file.segments, &file.in_data, &file.symbols)?;
        Some(Self { functions, segments, of_functions, of_segments })
    }

    /// Drops the tables that no function of the module needs any more.
    pub(crate) fn drop_unused(&self, module: &mut Module, memory: MemoryId) {
        let kept: HashSet<FunctionId> = module.funcs.iter().map(walrus::Function::id).collect();
        let users = self.functions.iter().zip(&self.of_functions);
        let mut open: Vec<usize> = users
            .filter(|(function, _)| kept.contains(function))
            .flat_map(|(_, segments)| segments.iter().copied())
            .collect();
        let mut needed = HashSet::new();
        while let Some(segment) = open.pop() {
            if needed.insert(segment) {
                open.extend(&self.of_segments[segment]);
            }
        }
        for (index, segment) in self.segments.iter().enumerate() {
            if !needed.contains(&index) {
                module.memories.get_mut(memory).data_segments.remove(segment);
                module.data.delete(*segment);
            }
        }
    }
}

/// Of each span the segments that places in it refer to.
fn references(
    spans: &[(usize, usize)],
    places: &[(usize, usize)],
    symbols: &[Option<usize>],
) -> Option<Vec<Vec<usize>>> {
    let mut all = vec![Vec::new(); spans.len()];
    for (place, symbol) in places {
        let span = spans.iter().position(|(begin, end)| (*begin..*end).contains(place))?;
        // An address of something that is in no segment: the end of the stack, say.
        if let Some(segment) = *symbols.get(*symbol)? {
            all[span].push(segment);
        }
    }
    Some(all)
}

/// What a file says; places are offsets from the begin of their section.
#[derive(Default)]
struct File {
    bodies: Vec<(usize, usize)>,
    segments: Vec<(usize, usize)>,
    /// Of each symbol the segment that it is in.
    symbols: Vec<Option<usize>>,
    /// Place and symbol of every address.
    in_code: Vec<(usize, usize)>,
    in_data: Vec<(usize, usize)>,
}

impl File {
    fn read(wasm: &[u8]) -> Option<Self> {
        let mut file = Self::default();
        let mut reader = Reader { bytes: wasm.strip_prefix(b"\0asm\x01\0\0\0")?, at: 0 };
        let (mut linking, mut code) = (false, false);
        while !reader.is_done() {
            let id = reader.byte()?;
            let length = reader.number()?;
            let mut section = Reader { bytes: reader.take(length)?, at: 0 };
            match id {
                IMPORT => return None,
                CODE => {
                    for _ in 0..section.number()? {
                        let length = section.number()?;
                        file.bodies.push(section.span(length)?);
                    }
                }
                DATA => {
                    for _ in 0..section.number()? {
                        // Active, at an address that is a constant.
                        if section.number()? != 0 || section.byte()? != 0x41 {
                            return None;
                        }
                        section.number()?;
                        section.byte()?;
                        let length = section.number()?;
                        file.segments.push(section.span(length)?);
                    }
                }
                CUSTOM => match section.text()? {
                    b"linking" => {
                        file.symbols = symbols(&mut section)?;
                        linking = true;
                    }
                    b"reloc.CODE" => {
                        file.in_code = addresses(&mut section)?;
                        code = true;
                    }
                    b"reloc.DATA" => {
                        file.in_data = addresses(&mut section)?;
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        // A file without pointers in its data has no `reloc.DATA`.
        (linking && code).then_some(file)
    }
}

/// The symbols of a section `linking`, version 2.
fn symbols(section: &mut Reader<'_>) -> Option<Vec<Option<usize>>> {
    const SYMBOL_TABLE: u8 = 8;
    const UNDEFINED: usize = 0x10;
    const NAMED: usize = 0x40;
    if section.number()? != 2 {
        return None;
    }
    let mut all = Vec::new();
    while !section.is_done() {
        let kind = section.byte()?;
        let length = section.number()?;
        let mut part = Reader { bytes: section.take(length)?, at: 0 };
        if kind != SYMBOL_TABLE {
            continue;
        }
        for _ in 0..part.number()? {
            let (kind, flags) = (part.byte()?, part.number()?);
            all.push(None);
            match kind {
                1 => {
                    part.text()?;
                    if flags & UNDEFINED == 0 {
                        *all.last_mut()? = Some(part.number()?);
                        part.number()?;
                        part.number()?;
                    }
                }
                3 => {
                    part.number()?;
                }
                // Functions, globals, tags, tables.
                0 | 2 | 4 | 5 => {
                    part.number()?;
                    if flags & UNDEFINED == 0 || flags & NAMED != 0 {
                        part.text()?;
                    }
                }
                _ => return None,
            }
        }
    }
    Some(all)
}

/// Places and symbols of every address of memory in a section `reloc.…`.
fn addresses(section: &mut Reader<'_>) -> Option<Vec<(usize, usize)>> {
    let mut all = Vec::new();
    section.number()?;
    for _ in 0..section.number()? {
        let (kind, place, symbol) = (section.byte()?, section.number()?, section.number()?);
        match kind {
            // Addresses of memory, as one of three encodings, with an addend.
            3..=5 => {
                section.number()?;
                all.push((place, symbol));
            }
            // Functions' and sections' offsets have an addend too.
            8 | 9 => {
                section.number()?;
            }
            // Functions, places in the table, types, globals.
            0..=2 | 6 | 7 | 13 | 20 => {}
            _ => return None,
        }
    }
    Some(all)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn is_done(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    /// A number in LEB128; of a negative one the bits.
    fn number(&mut self) -> Option<usize> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return usize::try_from(value).ok();
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (begin, end) = self.span(length)?;
        self.bytes.get(begin..end)
    }

    fn span(&mut self, length: usize) -> Option<(usize, usize)> {
        let begin = self.at;
        self.at = begin.checked_add(length).filter(|end| *end <= self.bytes.len())?;
        Some((begin, self.at))
    }

    fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::KERNELS;

    #[test]
    fn the_prebuilt_kernels_say_which_tables_each_of_them_needs() {
        let module = Module::from_buffer(KERNELS).unwrap();

        let tables = Tables::of(KERNELS, &module).unwrap();

        assert!(tables.segments.len() > 10, "{} segments", tables.segments.len());
        let users = tables.of_functions.iter().filter(|segments| !segments.is_empty()).count();
        assert!(users > 10 && users < tables.functions.len(), "{users} functions have tables");
    }

    #[test]
    fn a_file_without_relocations_drops_nothing() {
        let wasm = b"\0asm\x01\0\0\0";
        let module = Module::from_buffer(wasm).unwrap();

        assert!(Tables::of(wasm, &module).is_none());
    }
}
