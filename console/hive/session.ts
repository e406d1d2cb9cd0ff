/** Who looks at the console: asked when it opens, after signing in, and whenever that may have changed. */
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Schemas } from '../../api/client/client.js';
import { attendance, watchAttendance } from './attended.js';
import { Backoff } from './backoff.js';

export type Session = NonNullable<Schemas['CurrentSession']['session']>;
export type HiveInfo = Schemas['HiveInfo'];

/** Undefined until it is known; null if nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);
/** What the hive says of itself; undefined until it has answered once. */
export const hiveInfo = signal<HiveInfo | undefined>(undefined);

const ANSWER_MS = 15_000;
const backoff = new Backoff();
let asking: Promise<boolean> | undefined;
/** Counts the wishes to know: an answer may be of before somebody signed in or out. */
let wishes = 0;
let retry: ReturnType<typeof setTimeout> | undefined;
const waiting = new Set<() => void>();

/**
 * Finds out who is signed in. While no hive answers, it asks again, less and less often, however many parts of the
 * console want to know.
 * @returns whether a hive has answered now
 */
export function loadSession(): Promise<boolean> {
  wishes++;
  asking ??= untilFresh().finally(() => (asking = undefined));
  return asking;
}

/** Waits until a hive answers: whoever waits is told by the same questions. */
export async function untilHiveAnswers(): Promise<void> {
  if (!(await loadSession())) await new Promise<void>((answered) => waiting.add(answered));
}

async function untilFresh(): Promise<boolean> {
  clearTimeout(retry);
  let answer: Schemas['CurrentSession'] | undefined;
  let known: number;
  do {
    known = wishes;
    answer = await read().catch(() => undefined);
  } while (known !== wishes);
  if (answer) {
    backoff.reset();
    take(answer);
    for (const answered of waiting) answered();
    waiting.clear();
  } else retry = setTimeout(() => void loadSession(), backoff.next());
  return answer !== undefined;
}

async function read(): Promise<Schemas['CurrentSession']> {
  const response = await fetch('/v1/session', {
    credentials: 'same-origin',
    headers: attendance(),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  if (!response.ok) throw new Error(`the hive answered ${response.status}`);
  return (await response.json()) as Schemas['CurrentSession'];
}

function take({ session: next, hive }: Schemas['CurrentSession']): void {
  const former = session.peek();
  if (former && next && !isAlike(former, next)) {
    // somebody signed in otherwise in another tab: nothing that the page shows and keeps is for them
    location.reload();
    return;
  }
  hiveInfo.value = hive;
  session.value = next;
}

const isAlike = (one: Session, other: Session): boolean =>
  one.organization.id === other.organization.id && one.role === other.role;

/** Asks at first, and again when somebody comes back to the page: another tab may have signed in or out. */
export function useSession(): void {
  useEffect(() => {
    const look = (): void => {
      if (!document.hidden) void loadSession();
    };
    void loadSession();
    const unwatch = watchAttendance(() => void loadSession());
    document.addEventListener('visibilitychange', look);
    addEventListener('focus', look); // two windows beside each other
    return () => {
      unwatch();
      document.removeEventListener('visibilitychange', look);
      removeEventListener('focus', look);
    };
  }, []);
}

/** The session is over: the hive said so, or somebody signed out. */
export function signedOut(): void {
  wishes++;
  clearTimeout(retry);
  session.value = null;
}

export const isAdmin = (): boolean => session.value?.role === 'admin';
