/** A button with a menu below it; closes on choice, Escape and a click elsewhere. */

import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { Icon, type IconName } from './Icon';

export interface Choice {
  text: string;
  act: () => void;
  isChosen?: boolean;
}

interface Props {
  label: string;
  icon?: IconName;
  text?: string;
  choices?: Choice[];
  /** Instead of choices. */
  children?: ComponentChildren;
  name?: string;
}

export function Menu({ label, icon, text, choices, children, name }: Props) {
  const [isOpen, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  // At once: keys that follow belong to the menu.
  useLayoutEffect(() => {
    if (!isOpen) return;
    root.current?.querySelector<HTMLElement>('[role^=menuitem], select, input')?.focus();
    const close = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', close);
    return () => document.removeEventListener('pointerdown', close);
  }, [isOpen]);

  const leave = () => {
    setOpen(false);
    button.current?.focus();
  };
  const keys = (event: KeyboardEvent) => {
    if (!isOpen) return;
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.key === 'Escape') {
      event.stopPropagation();
      leave();
    } else if (step && choices) {
      event.preventDefault();
      event.stopPropagation();
      const items = [...(root.current?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];
      const at = items.indexOf(document.activeElement as HTMLElement);
      items[(at + step + items.length) % items.length]?.focus();
    }
  };
  return (
    <div class="menu" ref={root} onKeyDown={keys}>
      <button ref={button} type="button" class="tool" data-name={name} title={label} aria-label={text ? undefined : label} aria-expanded={isOpen} aria-haspopup={choices ? 'menu' : 'dialog'} onClick={() => setOpen(!isOpen)}>
        {icon && <Icon name={icon} />}
        {text && <span>{text}</span>}
        {text && <Icon name="down" />}
      </button>
      {isOpen && choices && (
        <div class="popup" role="menu" aria-label={label}>
          {choices.map((choice) => (
            <button
              key={choice.text}
              type="button"
              role={choice.isChosen === undefined ? 'menuitem' : 'menuitemradio'}
              aria-checked={choice.isChosen}
              onClick={() => {
                leave();
                choice.act();
              }}
            >
              {choice.text}
            </button>
          ))}
        </div>
      )}
      {isOpen && children && (
        <div class="popup panel" role="dialog" aria-label={label}>
          {children}
        </div>
      )}
    </div>
  );
}
