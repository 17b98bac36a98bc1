/** The words of the bell, by language. A text that needs plural forms is a function of the number. */

/** @typedef {string | ((n: number) => string)} Text */

const english = {
  title: "Notifications",
  badge: "Notifications, {n} new",
  close: "Close",
  error: "Could not load notifications.",
  out: "You are signed out.",
  denied: "You have no access here.",
  spoken: "{n} new. {text}",
};

/** @typedef {keyof typeof english | import("./panel-catalogues.js").PanelKey | `category:${string}`} Key */

/** @type {Record<string, Partial<Record<Key, Text>>>} */
export const catalogues = {
  en: english,
  ko: {
    title: "알림",
    badge: "알림, 새 알림 {n}개",
    close: "닫기",
    error: "알림을 불러오지 못했습니다.",
    out: "로그아웃되었습니다.",
    denied: "볼 권한이 없습니다.",
    spoken: "새 알림 {n}개. {text}",
  },
};
