// SPDX-License-Identifier: BSD-2-Clause
//! Row groups of events, which are encoded while the next events are gathered.
//!
//! ```text
//! this thread     events of group 1 │ events of group 2 │ the rest of 1, writes it │ events of group 3 ...
//! another thread                    │ encodes group 1   │                          │ encodes group 2   ...
//! ```
//!
//! One group at most is under way, so that memory is bounded, and groups are written in the order in which they were begun.
//! The columns of a group are far more than a processor's cache holds: that another processor reads them costs no more.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::TablesError;
use super::parts::{Partition, RunFiles};
use crate::jobs::Jobs;
use crate::table::events::EventTable;
use crate::table::row_group::GroupColumns;

/// Writes row groups of events to the files of a run.
pub(super) struct EventGroups {
    /// What messages call the tables.
    root: PathBuf,
    jobs: Jobs,
    under_way: Option<UnderWay>,
}

/// A row group that is being encoded.
struct UnderWay {
    partition: Partition,
    group: Arc<EventGroup>,
    /// None if there is no other thread.
    thread: Option<JoinHandle<()>>,
}

/// A row group of events.
struct EventGroup {
    /// Its rows, until they are columns.
    table: Mutex<EventTable>,
    rows: OnceLock<Result<GroupRows, ArrowError>>,
    columns: GroupColumns,
}

/// Rows, and the order in which they are written.
type GroupRows = (RecordBatch, Vec<Range<usize>>);

impl EventGroups {
    pub(super) fn new(root: PathBuf, jobs: Jobs) -> EventGroups {
        EventGroups { root, jobs, under_way: None }
    }

    /// Writes rows of a day and machine, or begins to; those before are complete.
    pub(super) fn write(
        &mut self,
        files: &mut RunFiles,
        partition: Partition,
        table: EventTable,
    ) -> Result<(), TablesError> {
        self.complete(files)?;
        if table.is_empty() {
            return Ok(());
        }
        let columns = files.begin_group(&partition, table.schema())?;
        let group = Arc::new(EventGroup { table: Mutex::new(table), rows: OnceLock::new(), columns });
        if self.jobs == Jobs::ONE {
            self.under_way = Some(UnderWay { partition, group, thread: None });
            return self.complete(files);
        }
        let other = Arc::clone(&group);
        // If the system allows no thread, this one does it all.
        let thread = thread::Builder::new().name("columns".into()).spawn(move || other.encode()).ok();
        self.under_way = Some(UnderWay { partition, group, thread });
        Ok(())
    }

    /// Completes the row group that is under way, together with the thread that encodes it.
    pub(super) fn complete(&mut self, files: &mut RunFiles) -> Result<(), TablesError> {
        let Some(UnderWay { partition, group, thread }) = self.under_way.take() else { return Ok(()) };
        group.encode();
        if let Some(Err(panic)) = thread.map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
        let Some(EventGroup { table, rows, columns }) = Arc::into_inner(group) else {
            unreachable!("the thread that had the other one is over")
        };
        let rows = rows.into_inner().transpose().map_err(TablesError::of_arrow(&self.root))?;
        files.end_group(&partition, columns)?;
        let table = table.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.into_iter().for_each(|(batch, _)| table.recycle(batch));
        Ok(())
    }
}

impl EventGroup {
    /// Makes columns of the rows, and encodes those that no thread has begun.
    fn encode(&self) {
        let take = || self.table.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Ok((batch, runs)) = self.rows.get_or_init(take) {
            self.columns.encode(batch, runs);
        }
    }
}
