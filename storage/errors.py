"""What storage can answer instead of a result. ``realtime`` maps these to codes; none of them names a driver.

StorageError
├── DatabaseUnsafe       the server settings could lose acknowledged data; the process must not start
├── DatabaseUnavailable  no connection, or it broke; the outcome of a write may be unknown
├── NotFound             no such row for this user
├── EmailTaken           the address belongs to an account already
└── LedgerConflict       the same payment was already made: the transaction must roll back
"""


class StorageError(Exception):
    """Base of all."""


class DatabaseUnsafe(StorageError):
    pass


class DatabaseUnavailable(StorageError):
    pass


class NotFound(StorageError):
    pass


class EmailTaken(StorageError):
    pass


class LedgerConflict(StorageError):
    pass
