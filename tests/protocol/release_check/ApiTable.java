import java.lang.reflect.Method;

/** Prints number, first and last stable version of every API that the client jar on the class path knows. */
public class ApiTable {
  public static void main(String[] args) throws Exception {
    Class<?> keys = Class.forName("org.apache.kafka.common.protocol.ApiKeys");
    for (Object key : keys.getEnumConstants()) {
      int id = ((Number) keys.getField("id").get(key)).intValue();
      int first = 0;
      int last;
      Method latest = method(keys, "latestVersion", boolean.class);
      if (latest != null) {
        first = version(keys, "oldestVersion", key);
        last = ((Number) latest.invoke(key, false)).intValue();
      } else if (method(keys, "latestVersion") != null) {
        first = version(keys, "oldestVersion", key);
        last = version(keys, "latestVersion", key);
      } else {
        // Before 0.11.
        Object[][] requests = (Object[][]) Class.forName("org.apache.kafka.common.protocol.Protocol")
          .getField("REQUESTS").get(null);
        last = requests[id] == null ? -1 : requests[id].length - 1;
        while (first <= last && requests[id][first] == null)
          ++first;
      }
      System.out.println(id + "\t" + first + "\t" + last);
    }
  }

  static Method method(Class<?> in, String name, Class<?>... parameters) {
    try {
      return in.getMethod(name, parameters);
    } catch (NoSuchMethodException e) {
      return null;
    }
  }

  static int version(Class<?> keys, String name, Object key) throws Exception {
    return ((Number) keys.getMethod(name).invoke(key)).intValue();
  }
}
