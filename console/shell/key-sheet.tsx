/** The sheet of all keys that work on the page. */
import { Button } from '../ui/button.js';
import { Dialog, DialogButtons } from '../ui/dialog.js';
import { areCharacterKeysOn, setCharacterKeys } from './character-keys.js';
import { shownBindings } from './keys.js';
import './key-sheet.css';

export function KeySheet({ close }: { close: () => void }) {
  return (
    <Dialog title="Keys" close={close} isRead>
      {shownBindings().map(({ name, bindings }) => (
        <section key={name} class="key-sheet">
          <h3>{name}</h3>
          <dl>
            {bindings.map(({ keys, does }) => (
              <div key={keys}>
                <dt>
                  {keys.split(' ').map((key, index) => (
                    <kbd key={index}>{key}</kbd>
                  ))}
                </dt>
                <dd>{does}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <label class="key-sheet-switch">
        <input
          type="checkbox"
          checked={areCharacterKeysOn.value}
          onChange={(event) => setCharacterKeys(event.currentTarget.checked)}
        />{' '}
        Keys of one character work. Without them, the button “?” shows this sheet.
      </label>
      <DialogButtons>
        <Button onClick={close}>Close</Button>
      </DialogButtons>
    </Dialog>
  );
}
