import { ipKeyGenerator, rateLimit, type Options, type RateLimitRequestHandler } from 'express-rate-limit';
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
    perCredential: limiter(limits.requestsPerMinute, {
      keyGenerator: (_request, response) => (response.locals['principal'] as Principal).id,
    }),
    perFailedLogin: limiter(limits.failedLoginsPerMinute, {
      // counted until it is answered, so that many at once are no way around it
      skipSuccessfulRequests: true,
      requestWasSuccessful: (_request, response) => !wasRefused(response),
    }),
  };
}

/** For an answer that does not say so by its status: a secret or a credential was sent, and is not good. */
export function markRefused(response: Response): void {
  response.locals['isRefused'] = true;
}

function wasRefused(response: Response): boolean {
  return response.statusCode === 401 || response.locals['isRefused'] === true;
}

function limiter(limit: number, options: Partial<Options> = {}): RateLimitRequestHandler {
  return rateLimit({
    windowMs: WINDOW_MS,
    limit,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    keyGenerator: (request) => ipKeyGenerator(request.ip ?? ''),
    handler: (_request, response, next) => {
      const seconds = response.getHeader('retry-after');
      next(
        new ApiError('too_many_requests', `too many requests; the limit is ${limit} per minute`, {
          headers: { 'retry-after': typeof seconds === 'string' ? seconds : String(WINDOW_MS / 1000) },
        }),
      );
    },
    ...options,
  });
}
