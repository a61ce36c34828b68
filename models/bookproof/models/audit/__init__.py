"""Check order events and trades of any exchange against the rules; tell its faults from the recording's.

`run_audit` is what the command `bookproof audit` does. Underneath, a reader turns a file into `Record`s, and
`audit` turns records into an `AuditReport`. `order_flow` turns records into orders to replay elsewhere.

>>> audit([]).verdict
<Verdict.UNDECIDED: 'undecided'>
"""

from bookproof.models.audit.auditor import Progress, audit
from bookproof.models.audit.bitstamp import SAMPLE_INSTALL, read_bitstamp, sample_path
from bookproof.models.audit.flow import Flow, order_flow
from bookproof.models.audit.generic import COLUMNS, read_csv, read_ndjson
from bookproof.models.audit.records import (
    Kind,
    OrderEvent,
    Origin,
    Record,
    Remark,
    Trade,
)
from bookproof.models.audit.report import (
    RULES,
    AuditReport,
    Checked,
    Defect,
    Ghost,
    Unchecked,
    Verdict,
    Violation,
    print_report,
    render,
)
from bookproof.models.audit.run import BITSTAMP, FORMATS, SAMPLES, run_audit
from bookproof.models.audit.state import Conventions
from bookproof.spec.input_error import InputError

__all__ = [
    "BITSTAMP",
    "COLUMNS",
    "FORMATS",
    "RULES",
    "SAMPLES",
    "SAMPLE_INSTALL",
    "AuditReport",
    "Checked",
    "Conventions",
    "Defect",
    "Flow",
    "Ghost",
    "InputError",
    "Kind",
    "OrderEvent",
    "Origin",
    "Progress",
    "Record",
    "Remark",
    "Trade",
    "Unchecked",
    "Verdict",
    "Violation",
    "audit",
    "order_flow",
    "print_report",
    "read_bitstamp",
    "read_csv",
    "read_ndjson",
    "render",
    "run_audit",
    "sample_path",
]
