/** Something that a person asks the hive to do: under way, done, refused. */
import { useRef, useState } from 'preact/hooks';

export interface Action<Arguments extends unknown[]> {
  /** Does nothing while it is under way. */
  run: (...given: Arguments) => void;
  isBusy: boolean;
  /** Why it was not done; gone when it is tried again. */
  error: Error | undefined;
}

export function useAction<Arguments extends unknown[]>(act: (...given: Arguments) => Promise<void>): Action<Arguments> {
  const [state, setState] = useState<{ isBusy: boolean; error: Error | undefined }>({
    isBusy: false,
    error: undefined,
  });
  const isBusy = useRef(false);
  const run = async (...given: Arguments): Promise<void> => {
    if (isBusy.current) return;
    isBusy.current = true;
    setState({ isBusy: true, error: undefined });
    let error: Error | undefined;
    try {
      await act(...given);
    } catch (failure) {
      error = failure instanceof Error ? failure : new Error(String(failure));
    }
    isBusy.current = false;
    setState({ isBusy: false, error });
  };
  return { ...state, run: (...given) => void run(...given) };
}
