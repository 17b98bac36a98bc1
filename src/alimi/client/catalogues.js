/** The texts, by language. A text with plural forms is an object keyed by plural category. */

/** @typedef {string | Record<string, string>} Text */

const english = {
  title: "Notifications",
  badge: "Notifications, {n} new",
  all: "All",
  unread: "Unread",
  archived: "Archived",
  markAll: "Mark all as read",
  markRead: "Mark as read",
  markUnread: "Mark as unread",
  archive: "Archive",
  unarchive: "Move back to the list",
  close: "Close",
  now: "just now",
  more: "Load more",
  loading: "Loading…",
  end: "That’s everything.",
  retry: "Try again",
  undo: "Undo",
  didArchive: "Archived.",
  didUnarchive: "Moved back to the list.",
  didReadAll: "All marked as read.",
  failed: "That didn’t work, so it was taken back.",
  noAll: "You’re all caught up.",
  noUnread: "Nothing unread.",
  noArchived: "Nothing archived.",
  error: "The notifications could not be loaded.",
  offline: "Not connected. Trying again…",
  out: "You are signed out.",
  denied: "You have no access to these notifications.",
  pill: { one: "{n} new notification", other: "{n} new notifications" },
  spoken: {
    one: "New notification: {text}",
    other: "{n} new notifications. Latest: {text}",
  },
  viewAll: "All notifications",
  settings: "Settings",
  desktop: "Turn on desktop notifications",
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
  markAll: "모두 읽음으로 표시",
  markRead: "읽음으로 표시",
  markUnread: "읽지 않음으로 표시",
  archive: "보관",
  unarchive: "목록으로 되돌리기",
  close: "닫기",
  now: "방금",
  more: "더 보기",
  loading: "불러오는 중…",
  end: "마지막 알림입니다.",
  retry: "다시 시도",
  undo: "실행 취소",
  didArchive: "보관했습니다.",
  didUnarchive: "목록으로 되돌렸습니다.",
  didReadAll: "모두 읽음으로 표시했습니다.",
  failed: "처리하지 못해 원래대로 되돌렸습니다.",
  noAll: "새로운 알림이 없습니다.",
  noUnread: "읽지 않은 알림이 없습니다.",
  noArchived: "보관한 알림이 없습니다.",
  error: "알림을 불러오지 못했습니다.",
  offline: "연결이 끊겼습니다. 다시 연결하는 중…",
  out: "로그아웃되었습니다.",
  denied: "이 알림을 볼 권한이 없습니다.",
  pill: "새 알림 {n}개",
  spoken: "새 알림 {n}개. {text}",
  viewAll: "모든 알림",
  settings: "알림 설정",
  desktop: "바탕 화면 알림 켜기",
};
