/** The looks of the panel; those of the bell and the toasts are in styles.js. */

import { sheet } from "./styles.js";

export const panelSheet = sheet(`
.panel{inset-block:64px auto;inset-inline:auto 16px;width:var(--alimi-width,400px);max-width:calc(100vw - 16px);height:var(--alimi-height,600px);max-height:min(100% - 16px,100dvh - 16px);flex-direction:column;text-align:start;overflow:hidden;background:var(--_s);border:1px solid var(--_l);border-radius:var(--_r);box-shadow:0 12px 40px #0003}
@supports (position-area:end){.panel{inset:auto;margin:8px 0;position-anchor:--bell;position-area:block-end span-inline-start;position-try:flip-inline,flip-block,flip-block flip-inline}}
.panel:is(:popover-open,[open]){display:flex}
.panel::backdrop{background:none}
h2:focus,.list:focus{outline:0}
ul{list-style:none}
:disabled{opacity:.4}
.header,.tabs,.note,.footer{display:flex;align-items:center;gap:4px;padding:12px 12px 4px;padding-inline-start:18px}
.title{flex:1;font-size:17px}
.tabs{padding:0 10px;flex-wrap:wrap;border-block-end:1px solid var(--_l)}
.tab{padding:8px;border-radius:8px 8px 0 0;color:var(--_m);font-size:14px}
[aria-selected=true]{color:var(--_t);font-weight:600;box-shadow:inset 0 -2px var(--_a)}
.note{padding:8px 18px;background:var(--_h);font-size:14px}
.note p{flex:1}
:host([state=retry]) .note{animation:late 1s}
.bones{animation:late .2s}
.action{color:var(--_a);font-weight:600;padding:4px 6px;text-decoration:none}
.list{position:relative;flex:1;scroll-padding-block:52px 8px;overflow-y:auto;overscroll-behavior:contain}
.day{position:sticky;inset-block-start:0;z-index:1;padding:10px 18px 6px;background:var(--_s);color:var(--_m);font-size:13px}
h3{font:inherit;font-weight:600}
.row{position:relative}
.row-unread{background:color-mix(in srgb,var(--_a) 7%,var(--_s))}
.row:hover{background:var(--_h)}
.row-unread .body{font-weight:600}
.object:empty{display:none}
.time{flex:none}
.meta{display:flex;gap:5px;padding-inline-end:52px;color:var(--_m);font-size:13px}
.extra{display:flex;flex-wrap:wrap;gap:8px;padding:0 66px 10px}
.extra:empty{display:none}
.actor:not(:empty)+i::before{content:"·"}
.dot{position:absolute;inset-block-start:18px;inset-inline-end:16px;width:8px;height:8px;border-radius:50%}
.row-unread .dot{background:var(--_a)}
.actions{position:absolute;inset-block-end:5px;inset-inline-end:10px;display:flex;border-radius:8px}
@media (hover){.actions .icon{height:26px}.actions{opacity:0;background:var(--_s);box-shadow:0 0 0 1px var(--_l)}
.row:is(:hover,:focus-within)>.actions{opacity:1}}
.pill{position:sticky;inset-block-start:8px;z-index:2;display:block;margin:8px auto -34px;padding:6px 14px;border-radius:99px;background:var(--_a);color:var(--_s);font-weight:600}
.empty,.more{display:grid;place-items:center;align-content:center;gap:8px;padding:16px;color:var(--_m)}
.empty{min-height:70%}
.bones::before{content:"";justify-self:stretch;height:300px;border-radius:10px;background:repeating-linear-gradient(var(--_h) 0 52px,var(--_s) 52px 68px)}
@keyframes late{0%,99%{visibility:hidden}}
.footer{flex-wrap:wrap;justify-content:space-between;padding:6px 12px;border-block-start:1px solid var(--_l);font-size:14px}
@media (width<480px){.panel{position-area:none;inset:auto 0 0;margin:0;width:100%;max-width:none;max-height:85dvh;border-radius:var(--_r) var(--_r) 0 0;padding-block-end:env(safe-area-inset-bottom)}
.panel::backdrop{background:#0006}}
@media (forced-colors:active){.pill{border:1px solid}.row-unread .dot{background:Highlight}[aria-selected=true]{border-block-end:3px solid}}
`);
