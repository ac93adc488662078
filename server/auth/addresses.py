"""Addresses: of e-mail, as they are compared and stored; of clients, as they are counted by the rate limits."""

import ipaddress
import re
import unicodedata

from realtime.errors import AppError

LONGEST_EMAIL = 254  # RFC 5321, section 4.5.3.1.3, less the angle brackets

_INNER = r"[^\s@.\x00-\x2c\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"  # ASCII letters, digits, hyphen; other scripts' letters
_EDGE = r"[^\s@.\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]"  # the same without the hyphen
_LABEL = rf"{_EDGE}(?:{_INNER}{{0,61}}{_EDGE})?"
#: One @, up to 64 characters before it, a dotted domain of letters, digits and hyphens after it; blanks around it are
#: forgiven. It stands in the OpenAPI document too, so it keeps to what regular expressions have in common.
EMAIL_PATTERN = rf"^ *[^\s@\x00-\x1f\x7f]{{1,64}}@(?:{_LABEL}\.)+{_LABEL} *$"
_EMAIL = re.compile(EMAIL_PATTERN)

IPV6_SITE = 64  # bits: one household or one server holds all addresses below such a prefix


def normalised_email(written: str) -> str:
    """The form in which addresses are compared: trimmed, composed (NFC), case folded.

    Raises ``AppError("invalid_event")`` with param ``email`` for what can't be an address.
    """
    address = unicodedata.normalize("NFC", unicodedata.normalize("NFC", written.strip()).casefold())
    plain = len(address) <= LONGEST_EMAIL and _EMAIL.match(address) is not None
    # Category C: control, format (zero width), surrogates, unassigned. Z: every kind of space.
    if not plain or any(unicodedata.category(character)[0] in "CZ" for character in address):
        raise AppError("invalid_event", "This is not an e-mail address.", param="email")
    return address


def rate_key(host: str | None) -> str:
    """What a client's address counts as: an IPv4 address itself, an IPv6 address its /64 network."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return host or "unknown"  # a Unix socket has no address: all its clients count together
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_SITE), strict=False))
