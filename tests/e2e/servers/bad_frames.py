"""Frames that RFC 6455 forbids a server to send, by name."""

from rawws import CLOSE, CONTINUATION, PING, TEXT, frame

BAD_UTF8 = b"ok \xce\xba\xed\xa0\x80"  # a surrogate
BAD_FRAMES = {
    "masked_frame": frame(TEXT, b"masked", mask=b"abcd"),
    "reserved_bit_1": frame(TEXT, b"rsv", rsv=4),
    "reserved_bit_2": frame(TEXT, b"rsv", rsv=2),
    "reserved_bit_3": frame(PING, b"rsv", rsv=1),
    "opcode_3": frame(3, b"data"),
    "opcode_11": frame(11, b"control"),
    "bad_utf8": frame(TEXT, BAD_UTF8),
    "bad_utf8_cut_short": frame(TEXT, b"ends inside \xe2\x82"),
    "bad_utf8_fragmented":
        frame(TEXT, BAD_UTF8[:6], fin=False) + frame(CONTINUATION, BAD_UTF8[6:]),
    "bad_utf8_streamed": frame(TEXT, BAD_UTF8, length=1 << 20),  # the rest never comes
    "control_fragmented": frame(PING, b"half", fin=False),
    "control_long": frame(PING, b"p" * 126),
    "continuation_first": frame(CONTINUATION, b"of what?"),
    "text_inside_text": frame(TEXT, b"first", fin=False) + frame(TEXT, b"second"),
    "length_not_minimal": b"\x81\x7e\x00\x05hello",
    "length_top_bit": b"\x82\x7f\x80\x00\x00\x00\x00\x00\x00\x01x",
    "close_1005": frame(CLOSE, b"\x03\xed"),
    "close_1006": frame(CLOSE, b"\x03\xee"),
    "close_999": frame(CLOSE, b"\x03\xe7"),
    "close_one_byte": frame(CLOSE, b"\x03"),
    "close_bad_utf8": frame(CLOSE, b"\x03\xe8\xff"),
}
