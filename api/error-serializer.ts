/** How an error looks in the log. */

const MAX_CAUSES = 5;

/**
 * Takes an error's name, message, stack and simple fields, and its causes. Errors of gRPC and of drivers refer to their
 * connections: a log line can't contain those, and they may contain secrets.
 */
export function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const fields = Object.entries(error).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value));
  const { name, message, stack, cause } = error;
  return {
    ...Object.fromEntries(fields),
    type: name,
    message,
    stack,
    ...(cause !== undefined && depth < MAX_CAUSES && { cause: serializeError(cause, depth + 1) }),
    ...(error instanceof AggregateError &&
      depth < MAX_CAUSES && { errors: error.errors.map((one) => serializeError(one, depth + 1)) }),
  };
}
