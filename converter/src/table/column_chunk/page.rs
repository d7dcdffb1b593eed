// SPDX-License-Identifier: BSD-2-Clause
//! Pages of a column chunk, compressed, with the chunk's metadata.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{self, CompressedPage, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

/// A column chunk that is complete.
pub(in crate::table) struct Chunk {
    /// Its pages.
    pub(in crate::table) bytes: Bytes,
    /// What the file says of it.
    pub(in crate::table) close: ColumnCloseResult,
}

/// The compressor of all pages of a file.
pub(in crate::table) struct Compressor {
    zstd: zstd::bulk::Compressor<'static>,
    level: ZstdLevel,
}

impl Compressor {
    /// With zstd's level `level`.
    pub(in crate::table) fn new(level: ZstdLevel) -> Result<Compressor> {
        let zstd = zstd::bulk::Compressor::new(level.compression_level())
            .map_err(|error| ParquetError::External(Box::new(error)))?;
        Ok(Compressor { zstd, level })
    }

    fn compress(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.zstd.compress(bytes).map_err(|error| ParquetError::External(Box::new(error)))
    }
}

/// A page of values.
pub(super) struct Page {
    /// Levels and values.
    pub(super) body: Vec<u8>,
    /// Values, and what there is instead of one: a null, an empty map.
    pub(super) values: usize,
    pub(super) encoding: Encoding,
}

/// The pages of a chunk.
#[derive(Default)]
pub(super) struct Pages {
    /// The values of the dictionary, and how many there are.
    pub(super) dictionary: Option<(Vec<u8>, usize)>,
    pub(super) data: Vec<Page>,
    pub(super) statistics: Option<Statistics>,
}

impl Pages {
    /// The chunk of `rows` rows.
    pub(super) fn chunk(
        self,
        column: &ColumnDescPtr,
        rows: usize,
        compressor: &mut Compressor,
    ) -> Result<Chunk> {
        let mut sink = TrackedWrite::new(Vec::new());
        let mut writer = SerializedPageWriter::new(&mut sink);
        let mut encodings = vec![Encoding::RLE];
        let mut metadata = ColumnChunkMetaData::builder(column.clone())
            .set_compression(Compression::ZSTD(compressor.level))
            .set_num_values(self.data.iter().map(|page| page.values as i64).sum());
        let (mut plain, mut packed) = (0, 0);
        if let Some((values, count)) = self.dictionary {
            encodings.push(Encoding::PLAIN);
            let page = page::Page::DictionaryPage {
                buf: compressor.compress(&values)?.into(),
                num_values: count as u32,
                encoding: Encoding::PLAIN,
                is_sorted: false,
            };
            let written = writer.write_page(CompressedPage::new(page, values.len()))?;
            (plain, packed) = (written.uncompressed_size, written.compressed_size);
            metadata = metadata.set_dictionary_page_offset(Some(0));
        }
        metadata = metadata.set_data_page_offset(packed as i64);
        for Page { body, values, encoding } in self.data {
            if !encodings.contains(&encoding) {
                encodings.push(encoding);
            }
            let page = page::Page::DataPage {
                buf: compressor.compress(&body)?.into(),
                num_values: values as u32,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                statistics: None,
            };
            let written = writer.write_page(CompressedPage::new(page, body.len()))?;
            plain += written.uncompressed_size;
            packed += written.compressed_size;
        }
        metadata = metadata
            .set_encodings(encodings)
            .set_total_uncompressed_size(plain as i64)
            .set_total_compressed_size(packed as i64);
        if let Some(statistics) = self.statistics {
            metadata = metadata.set_statistics(statistics);
        }
        let close = ColumnCloseResult {
            bytes_written: packed as u64,
            rows_written: rows as u64,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: None,
        };
        Ok(Chunk { bytes: sink.into_inner()?.into(), close })
    }
}
