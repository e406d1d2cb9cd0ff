/** Splits a command's output into lines for a recording. */
import type { OutputType } from '../process/running-command.js';
import { LineSplitter } from './line-splitter.js';
import type { Recording } from './recording.js';
import type { Recorder } from './run-command.js';

export function lineRecorder(recording: Recording): Recorder {
  const splitters: Record<OutputType, LineSplitter> = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  const now = () => new Date().toISOString();
  return {
    start: () => recording.start(),
    output: (type, bytes) => recording.add(type, splitters[type].push(bytes), now()),
    system: (sentence) => recording.add('system', [sentence], now()),
    finish: (end) => {
      for (const type of ['stdout', 'stderr'] as const) recording.add(type, splitters[type].end(), now());
      return recording.finish(end);
    },
  };
}
