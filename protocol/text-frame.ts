/** Reading and writing text frames: JSON, size bound, schema. */
import { z } from 'zod';
import { MAX_TEXT_FRAME_BYTES } from './limits.js';

/** A frame that breaks the protocol. `message` names the fault and the field, never quotes the frame's content. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** The schema of the frames of one type. */
export function frame<const T extends string, D extends z.ZodType>(type: T, data: D) {
  return z.object({ type: z.literal(type), data });
}

/** @throws FrameError */
export function decodeTextFrame<S extends z.ZodType>(schema: S, frame: Buffer | string): z.infer<S> {
  const size = typeof frame === 'string' ? Buffer.byteLength(frame) : frame.length;
  if (size > MAX_TEXT_FRAME_BYTES) {
    throw new FrameError(`text frame has ${size} bytes, more than ${MAX_TEXT_FRAME_BYTES}`);
  }
  const json = parseJson(typeof frame === 'string' ? frame : frame.toString('utf8'));
  return validate(schema, json, 'frame');
}

/** The frame as it goes on the wire. */
export function encodeTextFrame(frame: { type: string; data: unknown }): string {
  return JSON.stringify(frame);
}

/** @throws FrameError */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new FrameError('frame is not JSON'); // the parser's message would quote its input
  }
}

/** @throws FrameError naming the first field at fault */
export function validate<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join('.');
  throw new FrameError(`${what}: ${path ? `${path}: ` : ''}${issue?.message ?? 'invalid'}`);
}
