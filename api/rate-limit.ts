import { ipKeyGenerator, rateLimit, type RateLimitRequestHandler } from 'express-rate-limit';
import type { Response } from 'express';
import type { Principal } from '../prisma/queries/authenticate.js';
import type { Limits } from './dependencies.js';
import { ApiError } from './problem.js';

export interface RateLimits {
  perCredential: RateLimitRequestHandler;
  perFailedLogin: RateLimitRequestHandler;
}

const WINDOW_MS = 60_000;

/** Limits of one process: several hives together allow several times as much. */
export function createRateLimits(limits: Limits): RateLimits {
  return {
    perCredential: limiter(limits.requestsPerMinute, (response) => (response.locals['principal'] as Principal).id),
    perFailedLogin: limiter(limits.failedLoginsPerMinute),
  };
}

function limiter(limit: number, key?: (response: Response) => string): RateLimitRequestHandler {
  return rateLimit({
    windowMs: WINDOW_MS,
    limit,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: (request, response) => key?.(response) ?? ipKeyGenerator(request.ip ?? ''),
    handler: (_request, response, next) => {
      const seconds = response.getHeader('retry-after');
      next(
        new ApiError('too_many_requests', `too many requests; the limit is ${limit} per minute`, {
          headers: { 'retry-after': typeof seconds === 'string' ? seconds : String(WINDOW_MS / 1000) },
        }),
      );
    },
  });
}
