/** Plays the node's side of a recording to a hive. */
import type { ScriptedV1Node, Frame, V1Entry } from './scripted-v1-node.js';
import type { RecordedFrame } from './v1-recordings.js';

export interface RecordedAttempt {
  id: string;
  frame: Frame['data'];
  /** By id: what the node has of each in the end. */
  executions: Map<string, { frame: Frame['data']; entries: V1Entry[] }>;
}

/** @returns the attempts that the node was asked for as a whole, as its last answer about each shows them */
export function attemptsIn(recording: RecordedFrame[]): RecordedAttempt[] {
  const attempts = new Map<string, RecordedAttempt>();
  let current: RecordedAttempt | undefined;
  for (const { frame, isAnswer } of marked(recording)) {
    const { type, data } = frame;
    if (!isAnswer) continue;
    if (type === 'attempt_sync') {
      current = { id: String(data['attempt_id']), frame: data, executions: new Map() };
      attempts.set(current.id, current);
    } else if (type === 'execution_sync') {
      attempts
        .get(String(data['attempt_id']))
        ?.executions.set(String(data['execution_id']), { frame: data, entries: [] });
    } else if (type === 'logs_batch') {
      const execution = current?.executions.get(String(data['execution_process_id']));
      if (execution) execution.entries = data['entries'] as V1Entry[];
    }
  }
  return [...attempts.values()];
}

/**
 * Says what the node said by itself, over as many connections as it had, and waits for an answer where it got one. Asked
 * for an attempt, the node sends what the recording has of it in the end.
 * @returns the node's id
 */
export async function replay(recording: RecordedFrame[], node: ScriptedV1Node, hiveUrl: string): Promise<string> {
  for (const { frame, executions } of attemptsIn(recording)) {
    const attempt = node.addAttempt(frame);
    for (const execution of executions.values()) node.addExecution(attempt, execution.entries, execution.frame);
  }
  let nodeId = '';
  let isFirstHeartbeat = false;
  for (const { from, frame, isAnswer, lost } of marked(recording)) {
    if (isAnswer || frame.type === 'backfill_request' || frame.type === 'auth_result') continue;
    if (from === 'hive') {
      await node.next(frame.type);
    } else if (frame.type === 'auth') {
      nodeId = String((await node.connect(hiveUrl))['node_id']);
      isFirstHeartbeat = true;
    } else if (frame.type === 'heartbeat') {
      if (!isFirstHeartbeat) node.heartbeat(); // the first comes with the login
      isFirstHeartbeat = false;
    } else if (lost) {
      node.cut();
    } else {
      node.send(frame.type, frame.data);
    }
  }
  return nodeId;
}

/** Tells which of the node's frames are part of an answer to a backfill request. */
function marked(recording: RecordedFrame[]): (RecordedFrame & { isAnswer: boolean })[] {
  let asked: unknown;
  return recording.map((recorded) => {
    const { type, data } = recorded.frame;
    if (type === 'backfill_request') asked = data['message_id'];
    const isAnswer = asked !== undefined && recorded.from === 'node';
    if (type === 'backfill_response' && data['request_id'] === asked) asked = undefined;
    return { ...recorded, isAnswer };
  });
}
