/* A build without zlib: nothing is held (see zlib/deflate_stream.h). */
#ifndef WIRE_DEFLATE_STREAM_H
#define WIRE_DEFLATE_STREAM_H

typedef struct deflate_stream {
  char unused;
} deflate_stream;

#endif
