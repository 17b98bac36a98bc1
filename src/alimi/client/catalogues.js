/** The texts, by language. A text that needs plural forms is a function of the number. */

/** @typedef {string | ((n: number) => string)} Text */

const english = {
  title: "Notifications",
  badge: "Notifications, {n} new",
  all: "All",
  unread: "Unread",
  archived: "Archived",
  readAll: "Mark all as read",
  read: "Mark as read",
  unmark: "Mark as unread",
  archive: "Archive",
  restore: "Move back",
  close: "Close",
  now: "just now",
  more: "Load more",
  retry: "Try again",
  undo: "Undo",
  didArchive: "Archived.",
  didRestore: "Moved back.",
  didReadAll: "All marked as read.",
  failed: "That didn’t work, so it was taken back.",
  none: "You’re all caught up.",
  nothing: "Nothing here.",
  error: "Could not load notifications.",
  offline: "Not connected. Trying again…",
  out: "You are signed out.",
  denied: "You have no access here.",
  news: "{n} new",
  spoken: "{n} new. {text}",
  viewAll: "All notifications",
  settings: "Settings",
  desktop: "Desktop notifications",
};

/** @typedef {keyof typeof english} Key */

/** @type {Record<Key, Text>} */
export const en = english;

/** @type {Record<Key, Text>} */
export const ko = {
  title: "알림",
  badge: "알림, 새 알림 {n}개",
  all: "전체",
  unread: "읽지 않음",
  archived: "보관함",
  readAll: "모두 읽음으로 표시",
  read: "읽음으로 표시",
  unmark: "읽지 않음으로 표시",
  archive: "보관",
  restore: "되돌리기",
  close: "닫기",
  now: "방금",
  more: "더 보기",
  retry: "다시 시도",
  undo: "실행 취소",
  didArchive: "보관했습니다.",
  didRestore: "되돌렸습니다.",
  didReadAll: "모두 읽음으로 표시했습니다.",
  failed: "처리하지 못해 되돌렸습니다.",
  none: "새로운 알림이 없습니다.",
  nothing: "알림이 없습니다.",
  error: "알림을 불러오지 못했습니다.",
  offline: "연결이 끊겼습니다. 다시 연결하는 중…",
  out: "로그아웃되었습니다.",
  denied: "볼 권한이 없습니다.",
  news: "새 알림 {n}개",
  spoken: "새 알림 {n}개. {text}",
  viewAll: "모든 알림",
  settings: "알림 설정",
  desktop: "바탕 화면 알림",
};
