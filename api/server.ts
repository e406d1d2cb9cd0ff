import { createServer, type RequestListener, type Server } from 'node:http';

/** A server with bounds on what a client may take: headers in 15 s, the whole request in 60 s, 16 KiB of headers. */
export function createHttpServer(listener: RequestListener): Server {
  return createServer(
    {
      headersTimeout: 15_000,
      requestTimeout: 60_000,
      keepAliveTimeout: 65_000, // above the usual load balancer's 60 s
      connectionsCheckingInterval: 5_000,
      maxHeaderSize: 16 * 1024,
    },
    listener,
  );
}
