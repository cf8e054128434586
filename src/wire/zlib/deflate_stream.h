/* What an inflater or deflater holds of zlib. A build without zlib puts no_deflate/ in the include
   path instead of this folder. */
#ifndef WIRE_DEFLATE_STREAM_H
#define WIRE_DEFLATE_STREAM_H

#include <zlib.h>

typedef z_stream deflate_stream;

#endif
