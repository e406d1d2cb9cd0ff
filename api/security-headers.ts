import type { RequestHandler } from 'express';
import helmet from 'helmet';

/**
 * Headers that tell browsers what they may do with an answer. The hive speaks plain HTTP, so that two of helmet's
 * defaults are left out: `upgrade-insecure-requests`, with which a browser asks for a page's links over https, and
 * Strict-Transport-Security, which is for whoever owns the host name to decide.
 * @param hstsSeconds for how long browsers must use https only; 0: they are not told
 */
export function securityHeaders(hstsSeconds: number): RequestHandler {
  return helmet({
    contentSecurityPolicy: { directives: { upgradeInsecureRequests: null } },
    strictTransportSecurity: hstsSeconds > 0 && { maxAge: hstsSeconds, includeSubDomains: false },
  });
}
